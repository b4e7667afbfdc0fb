"""Reads a JSON list of terms into flat arrays: a short one at once, a long one as it comes, by a compiled scanner."""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import Annotated, Final, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta, Raw, Struct
from numpy.typing import NDArray

from kyanite.errors import ProviderError
from kyanite_providers.local.inflate import invalid
from kyanite_providers.local.products import Gathered, Products, narrowed, starts
from kyanite_providers.local.qio_faults import TOO_DEEP, malformed, misfit
from kyanite_providers.local.window import Window

ID_MAX: Final = 2**63 - 1
AT_ONCE_BYTES_MAX: Final = 1 << 22
"""Up to this length, decoding to objects takes less time and memory than loading the scanner."""
PATH: Final = "cost_function.terms"
_PIECE_BYTES: Final = 1 << 20
_ODD_TERMS: Final = 64

Id: TypeAlias = Annotated[int, Meta(ge=0, le=ID_MAX)]


class Term(Struct, gc=False):
    """One product as the wire has it."""

    c: float
    ids: list[Id]


_terms: msgspec.json.Decoder[list[Term]] = msgspec.json.Decoder(list[Term])


def products_of(terms: list[Term]) -> Products:
    """Return decoded terms as arrays."""
    ids = list(map(attrgetter("ids"), terms))
    coefficient = np.fromiter(map(attrgetter("c"), terms), np.float64, len(terms))
    start = starts(list(map(len, ids)))
    return Products(coefficient, start, narrowed(np.fromiter(chain.from_iterable(ids), np.int64, int(start[-1]))))


def read_terms(text: Raw | bytes) -> Products:
    """Read a list of terms that is JSON. Raises `ProviderError` that names the term at fault."""
    plain = memoryview(text)
    if len(plain) <= AT_ONCE_BYTES_MAX or plain[0] != ord("["):
        return products_of(_decoded(plain, 0))
    return scan_terms(Window(plain[at : at + _PIECE_BYTES] for at in range(1, len(plain), _PIECE_BYTES)))


def _decoded(text: bytes | memoryview, before: int) -> list[Term]:
    """Decode a part of the list, `before` terms from its beginning."""
    try:
        return _terms.decode(text)
    except msgspec.ValidationError as error:
        raise misfit(error, PATH, before) from error
    except UnicodeDecodeError as error:
        raise invalid("AZQ105", PATH, str(error)) from error
    except RecursionError as error:
        raise invalid("AZQ105", None, TOO_DEEP) from error


def scan_terms(window: Window) -> Products:
    """Read a list of terms as it comes, from behind its opening bracket to behind the closing one.

    Only the arrays and a window of the text are held. Raises `ProviderError` as for the whole text.
    """
    from kyanite_kernels.text import json_terms

    gathered = Gathered()
    coefficient, stop, ids = _room(0)
    while True:
        if len(coefficient) * json_terms.TERM_BYTES_MIN < window.text.size:
            coefficient, stop, ids = _room(window.text.size)
        window.at, status, terms, count = json_terms.scan_terms(
            window.text, window.at, window.end, coefficient, stop, ids
        )
        gathered.add(coefficient[:terms], stop[:terms], ids[:count])
        if status == json_terms.MORE and window.more():
            continue
        if status == json_terms.CLOSED or _scan_odd(window, gathered):
            return gathered.products()


def _room(size: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return arrays that hold whatever a text of this size does."""
    from kyanite_kernels.text.json_terms import ID_BYTES_MIN, TERM_BYTES_MIN

    terms = size // TERM_BYTES_MIN + 1
    return (
        np.empty(terms, dtype=np.float64),
        np.empty(terms, dtype=np.int64),
        np.empty(size // ID_BYTES_MIN + 1, dtype=np.int64),
    )


def _scan_odd(window: Window, gathered: Gathered) -> bool:
    """Read some terms that the scanner does not, or say what is wrong; return whether the list ended."""
    from kyanite_kernels.text.json_terms import CLOSED, MORE, ODD, skip_values

    behind, status = skip_values(window.text, window.at, window.end, _ODD_TERMS)
    while status == MORE and window.more():
        behind, status = skip_values(window.text, window.at, window.end, _ODD_TERMS)
    # What is gone over ends in a comma or a bracket, unless the text ends.
    last = window.end if status == MORE else behind - 1
    piece, ending = window.text[window.at : last].tobytes(), window.text[last:behind].tobytes()
    empty = not piece or piece.isspace()
    if status in {MORE, ODD} or (empty and (gathered.count or status != CLOSED)):
        text = (b"[0," if gathered.count else b"[") + piece + ending
        raise _unreadable(text, gathered.count, window.offset + last + len(ending) - len(text))
    text = b"[%b]" % piece
    try:
        msgspec.json.decode(text, type=Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _unreadable(text, gathered.count, window.offset + window.at - 1) from error
    part = products_of(_decoded(text, gathered.count))
    gathered.add(part.coefficient, part.start[1:], part.ids)
    window.at = behind
    return status == CLOSED


def _unreadable(text: bytes, before: int, offset: int) -> ProviderError:
    """Return the error of a text that is no JSON, which stands at the place `offset` of the input."""
    try:
        msgspec.json.decode(text, type=Raw)
    except msgspec.DecodeError as error:
        return malformed(error, text, lambda text: _checked(text, before), (0, offset))
    except RecursionError:
        return invalid("AZQ105", None, TOO_DEEP)
    return invalid("AZQ105", PATH, "the list of terms is no JSON")


def _checked(text: bytes, before: int) -> None:
    msgspec.json.decode(text, type=Raw)
    _decoded(text, before)
