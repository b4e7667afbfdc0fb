"""Reads `microsoft.qio.v2` JSON: what the wire says becomes flat arrays under the ids of the wire.

The codes are those that the service documented: AZQ102 something is missing, AZQ103 something has the wrong
type or value, AZQ104 the initial configuration is wrong, AZQ105 the input is not JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from msgspec import Meta, Raw, Struct
from numpy.typing import NDArray

from kyanite.errors import ProviderError
from kyanite_providers.local.inflate import invalid

ID_MAX: Final = 2**63 - 1
_PIECE_BYTES: Final = 1 << 20
_PROBLEM_MAX: Final = 200
_BOUNDARY: Final = re.compile(rb"\}\s*,\s*\{")
_AT: Final = re.compile(r"^(?P<problem>.*?)(?: - at `(?:key` in `)?\$(?P<path>.*)`)?$", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>\w+)`")
_BYTE: Final = re.compile(r"\(byte (?P<byte>\d+)\)")
_NOT_FINITE: Final = re.compile(rb"(?<=[:\[,\s])-?(?:NaN|Infinity)(?=[,\]}\s])")

Id: TypeAlias = Annotated[int, Meta(ge=0, le=ID_MAX)]


class _Term(Struct, gc=False):
    c: float
    ids: list[Id]


class _Group(Struct, gc=False):
    c: float
    terms: list[_Term]


class _CostFunction(Struct):
    version: Literal["1.0", "1.1"]
    type: Literal["ising", "pubo", "ising_grouped", "pubo_grouped"]
    terms: Raw = Raw()
    terms_slc: list[_Group] | None = None
    initial_configuration: dict[str, Any] | None = None


class _Document(Struct):
    cost_function: _CostFunction
    initial_configuration: dict[str, Any] | None = None


class Products(NamedTuple):
    """Coefficients, float64[T], and for each the ids of its factors: `ids[start[t]:start[t + 1]]`, int64."""

    coefficient: NDArray[np.float64]
    start: NDArray[np.int64]
    ids: NDArray[np.int64]


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
_terms: msgspec.json.Decoder[list[_Term]] = msgspec.json.Decoder(list[_Term])


def read_qio(plain: bytes | bytearray) -> Wire:
    """Read a problem. Raises `ProviderError` `InvalidInputData` that names the field; nothing else,
    whatever comes.
    """
    function, initial = _read_document(plain)
    products = _read_products(function.terms)
    groups = function.terms_slc or []
    if groups and not function.type.endswith("_grouped"):
        path = "cost_function.terms_slc"
        raise invalid("AZQ103", path, f"squared groups need the type {function.type}_grouped, not {function.type}")
    if not products.coefficient.size and not groups:
        raise invalid("AZQ102", "cost_function.terms", "a problem needs at least one term")
    kind: Literal["ising", "pubo"] = "ising" if function.type.startswith("ising") else "pubo"
    scale = np.fromiter((group.c for group in groups), np.float64, len(groups))
    start = _starts([len(group.terms) for group in groups])
    inner = _products([term for group in groups for term in group.terms])
    return Wire(kind, products, scale, start, inner, _read_initial(initial or {}, kind))


def _read_document(plain: bytes | bytearray) -> tuple[_CostFunction, dict[str, Any] | None]:
    try:
        document = _documents.decode(plain)
    except msgspec.ValidationError as error:
        raise _fault(error) from error
    except msgspec.DecodeError as error:
        raise _malformed(error, plain) from error
    except UnicodeDecodeError as error:
        raise invalid("AZQ105", None, "the input is not UTF-8") from error
    except RecursionError as error:
        raise invalid("AZQ105", None, "the input is nested too deeply") from error
    function = document.cost_function
    if not _given(function.terms) and function.terms_slc is None:
        raise invalid("AZQ102", "cost_function.terms", "is missing")
    return function, function.initial_configuration or document.initial_configuration


def _given(terms: Raw) -> bool:
    return memoryview(terms).nbytes > 0


def _fault(error: msgspec.ValidationError, prefix: str = "", shift: int = 0) -> ProviderError:
    """Say in the wire's words what the decoder found, with the whole path of the field."""
    match = _AT.match(str(error))
    problem, path = (match["problem"], match["path"] or "") if match else (str(error), "")
    if shift:
        path = re.sub(r"^\[(\d+)\]", lambda index: f"[{int(index[1]) + shift}]", path)
    path = (prefix + path).removeprefix(".")[:_PROBLEM_MAX]
    if missing := _MISSING.match(problem):
        path = f"{path}.{missing['field']}".removeprefix(".")
        return invalid("AZQ102", path, "is missing")
    problem = (problem[:1].lower() + problem[1:_PROBLEM_MAX]).replace("`", "")
    return invalid("AZQ103", path or None, problem)


def _malformed(error: msgspec.DecodeError, plain: bytes | bytearray) -> ProviderError:
    at = _BYTE.search(str(error))
    byte = int(at["byte"]) if at else 0
    # The decoder stops at the letter after a sign.
    literal = _NOT_FINITE.match(plain, byte) or _NOT_FINITE.match(plain, max(byte - 1, 0))
    if literal is None:
        return invalid("AZQ105", None, str(error))
    # JSON has no word for it, so the decoder can not say where it stands; it can once strings stand there
    # instead.
    try:
        _read_products(_documents.decode(_NOT_FINITE.sub(b'"."', plain)).cost_function.terms)
    except ProviderError as found:
        return invalid("AZQ103", found.error.target, f"{literal[0].decode()} is not a finite number")
    except msgspec.ValidationError as found:
        return invalid("AZQ103", _fault(found).error.target, f"{literal[0].decode()} is not a finite number")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return invalid("AZQ105", None, str(error))
    return invalid("AZQ105", None, str(error))


def _read_products(terms: Raw) -> Products:
    """Read the list of terms piece by piece, so that only the arrays and one piece's objects are held at a
    time.
    """
    parts: list[Products] = []
    count = 0
    for piece in _pieces(bytes(terms) or b"[]"):
        try:
            decoded = _terms.decode(piece)
        except msgspec.ValidationError as error:
            raise _fault(error, "cost_function.terms", count) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise invalid("AZQ105", "cost_function.terms", str(error)) from error
        parts.append(_products(decoded))
        count += len(decoded)
    lengths = [np.diff(part.start) for part in parts]
    return Products(
        np.concatenate([part.coefficient for part in parts]),
        _starts(np.concatenate(lengths)),
        np.concatenate([part.ids for part in parts]),
    )


def _pieces(text: bytes) -> Iterator[bytes]:
    """Cut a JSON array of objects into shorter arrays that hold the same, one after the other."""
    end = len(text) - 1
    if not text.startswith(b"[") or end <= 2 * _PIECE_BYTES:
        yield text
        return
    begin = 1
    while begin < end:
        boundary = _BOUNDARY.search(text, begin + _PIECE_BYTES, end)
        piece = b"[%b]" % text[begin : boundary.start() + 1 if boundary else end]
        if boundary is None or not _is_json(piece):
            # A cut inside a nested object or a string shows, because what stands before it is then no JSON.
            yield piece if boundary is None else b"[%b]" % text[begin:end]
            return
        yield piece
        begin = boundary.end() - 1


def _is_json(piece: bytes) -> bool:
    try:
        msgspec.json.decode(piece, type=Raw)
    except msgspec.DecodeError:
        return False
    return True


def _products(terms: list[_Term]) -> Products:
    ids = list(map(attrgetter("ids"), terms))
    coefficient = np.fromiter(map(attrgetter("c"), terms), np.float64, len(terms))
    start = _starts(list(map(len, ids)))
    return Products(coefficient, start, np.fromiter(chain.from_iterable(ids), np.int64, int(start[-1])))


def _starts(lengths: list[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    start = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=start[1:])
    return start


def _read_initial(initial: dict[str, Any], kind: Literal["ising", "pubo"]) -> dict[int, int]:
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
