"""Reads `microsoft.qio.v2` JSON: what the wire says becomes flat arrays under the ids of the wire."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Raw, Struct
from numpy.typing import NDArray

from kyanite_providers.local.inflate import invalid
from kyanite_providers.local.products import Products, starts
from kyanite_providers.local.qio_faults import TOO_DEEP, malformed, misfit
from kyanite_providers.local.term_list import ID_MAX, Term, products_of, read_terms, scan_terms
from kyanite_providers.local.window import Window

# Spelt as no writer does.
_SCANNED: Final = b"[ \n \t \n ]"


class _Group(Struct, gc=False):
    c: float
    terms: list[Term]


class _CostFunction(Struct):
    version: Literal["1.0", "1.1"]
    type: Literal["ising", "pubo", "ising_grouped", "pubo_grouped"]
    terms: Raw = Raw()
    terms_slc: list[_Group] | None = None
    initial_configuration: dict[str, Any] | None = None


class _Document(Struct):
    cost_function: _CostFunction
    initial_configuration: dict[str, Any] | None = None


class Wire(NamedTuple):
    """A problem as sent: its products; its groups' scales, float64[G], with the products inside all of them.

    Group g holds the products `group_start[g]` to `group_start[g + 1]` of `inner`. `initial` maps ids to
    values.
    """

    kind: Literal["ising", "pubo"]
    products: Products
    group_scale: NDArray[np.float64]
    group_start: NDArray[np.int64]
    inner: Products
    initial: dict[int, int]


_documents: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)


def read_qio(plain: bytes | bytearray) -> Wire:
    """Read a problem. Raises `ProviderError` `InvalidInputData` that names the field; nothing else,
    whatever comes.
    """
    document = _read_document(plain)
    return _wire(document, _products(document))


def read_long_qio(pieces: Iterable[bytes]) -> Wire:
    """Read a problem as it comes, holding no more of the text than what stands beside its terms.

    Raises as `read_qio`. Where several things are wrong, it may name another one of them.
    """
    from kyanite_kernels.text.json_terms import STATE_SIZE, find_terms

    window, beside, state = Window(pieces), bytearray(), np.zeros(STATE_SIZE, dtype=np.int64)
    products = None
    while products is None and (window.at < window.end or window.more()):
        place = find_terms(window.text, window.at, window.end, state)
        beside += window.text[window.at : place].tobytes()
        window.at = place
        if place < window.end:
            window.at += 1
            products = scan_terms(window)
            beside += _SCANNED
    cut = (len(beside), window.offset + window.at - len(beside))
    while window.at < window.end or window.more():
        beside += window.text[window.at : window.end].tobytes()
        window.at = window.end
    document = _read_document(beside, cut)
    # Of a field that comes twice, the last one counts.
    is_last = bytes(memoryview(document.cost_function.terms)[: len(_SCANNED) + 1]) == _SCANNED
    return _wire(document, products if products is not None and is_last else _products(document))


def _read_document(plain: bytes | bytearray, cut: tuple[int, int] = (0, 0)) -> _Document:
    """Read all but the terms; from the place `cut[0]` on, `cut[1]` bytes of the input are left out."""
    try:
        document = _documents.decode(plain)
    except msgspec.ValidationError as error:
        raise misfit(error) from error
    except msgspec.DecodeError as error:
        raise malformed(error, plain, _read_again, cut) from error
    except UnicodeDecodeError as error:
        raise invalid("AZQ105", None, "the input is not UTF-8") from error
    except RecursionError as error:
        raise invalid("AZQ105", None, TOO_DEEP) from error
    function = document.cost_function
    if not memoryview(function.terms).nbytes and function.terms_slc is None:
        raise invalid("AZQ102", "cost_function.terms", "is missing")
    return document


def _read_again(plain: bytes) -> None:
    _products(_documents.decode(plain))


def _products(document: _Document) -> Products:
    terms = document.cost_function.terms
    return read_terms(terms if memoryview(terms).nbytes else b"[]")


def _wire(document: _Document, products: Products) -> Wire:
    function = document.cost_function
    groups = function.terms_slc or []
    if groups and not function.type.endswith("_grouped"):
        path = "cost_function.terms_slc"
        raise invalid("AZQ103", path, f"squared groups need the type {function.type}_grouped, not {function.type}")
    kind: Literal["ising", "pubo"] = "ising" if function.type.startswith("ising") else "pubo"
    inner = products_of([term for group in groups for term in group.terms])
    return checked(
        Wire(
            kind,
            products,
            np.fromiter((group.c for group in groups), np.float64, len(groups)),
            starts([len(group.terms) for group in groups]),
            inner,
            read_initial(function.initial_configuration or document.initial_configuration or {}, kind),
        )
    )


def checked(wire: Wire) -> Wire:
    """Return the problem if it has terms. Raises `ProviderError`."""
    if not wire.products.coefficient.size and not wire.group_scale.size:
        raise invalid("AZQ102", "cost_function.terms", "a problem needs at least one term")
    return wire


def read_initial(initial: dict[str, Any], kind: Literal["ising", "pubo"]) -> dict[int, int]:
    """Return an initial configuration as ids and values. Raises `ProviderError` that names the entry."""
    values = {-1, 1} if kind == "ising" else {0, 1}
    checked: dict[int, int] = {}
    for key, value in initial.items():
        path = f"cost_function.initial_configuration.{key[:40]}"
        if not (key.isascii() and key.isdecimal() and len(key) <= len(str(ID_MAX)) and str(int(key)) == key):
            raise invalid("AZQ104", path, "is not the id of a variable")
        if type(value) is not int or value not in values:
            raise invalid("AZQ104", path, f"expected one of {sorted(values)}, got {str(value)[:40]}")
        checked[int(key)] = value
    return checked
