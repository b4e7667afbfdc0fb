"""Writes `microsoft.qio-results.v2` JSON: whole arrays of digits at a time, no object a variable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

VERSION: Final = "1.0"
_ROWS: Final = 1 << 16
_TEMPLATES: Final = 16
_QUOTE, _COLON, _COMMA, _MINUS, _ZERO = b'":,-0'


class Solutions(NamedTuple):
    """Configurations, int8[k, n], best first, and their costs, float64[k]."""

    states: NDArray[np.int8]
    costs: NDArray[np.float64]


def results_json(ids: NDArray[np.int64], solutions: Solutions, parameters: dict[str, Any]) -> Iterator[bytes]:
    """Yield the document in pieces. `ids`, int64[n], rising, name the variables; the best solution comes
    twice.
    """
    template = lru_cache(maxsize=_TEMPLATES)(lambda start: _template(ids[start : start + _ROWS]))
    best = _json(float(solutions.costs[0]))
    yield b'{"version":%b,"configuration":' % _json(VERSION)
    yield from _configuration(template, solutions.states[0])
    yield b',"cost":%b,"parameters":%b,"solutions":[' % (best, _json(parameters))
    for rank, (state, cost) in enumerate(zip(solutions.states, solutions.costs, strict=True)):
        yield b'%b{"configuration":' % (b"," if rank else b"")
        yield from _configuration(template, state)
        yield b',"cost":%b}' % _json(float(cost))
    yield b"]}"


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _template(ids: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a row of characters an id, `"id":-1,` padded on the left, and which of them count."""
    digits = len(str(int(ids[-1])))
    text = np.empty((ids.size, digits + 6), dtype=np.uint8)
    kept = np.ones(text.shape, dtype=np.bool_)
    rest = ids.astype(np.uint64)
    ten = np.uint64(10)
    for place in range(digits, 0, -1):
        kept[:, place] = (rest > 0) | (place == digits)
        text[:, place] = rest % ten + np.uint64(_ZERO)
        rest //= ten
    text[:, 0] = text[:, digits + 1] = _QUOTE
    text[:, digits + 2], text[:, digits + 3], text[:, digits + 5] = _COLON, _MINUS, _COMMA
    return text, kept


def _configuration(
    template: Callable[[int], tuple[NDArray[np.uint8], NDArray[np.bool_]]], state: NDArray[np.int8]
) -> Iterator[bytes]:
    yield b"{"
    for start in range(0, state.size, _ROWS):
        text, kept = template(start)
        values = state[start : start + _ROWS]
        kept[:, -3] = values < 0
        text[:, -2] = np.abs(values) + _ZERO
        written = text[kept].tobytes()
        yield written if start + _ROWS < state.size else written[:-1]
    yield b"}"
