"""Scanners of JSON text that holds a long list of terms, `{"c": 1.5, "ids": [0, 3]}`, a piece at a time.

Only the usual spelling is read here: the two keys in either order, without escapes, numbers that are surely right.
At anything else the scanner stops in front of the term, and whoever asked reads that one in another way, which also
finds the words for what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from kyanite_kernels.jit import kernel, part
from kyanite_kernels.text.decimal import scan_double

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kyanite_kernels.text.decimal import Bytes

    Float64s = NDArray[np.float64]
    Int64s = NDArray[np.int64]

CLOSED: Final = 0
"""The list ended; the place is behind its bracket."""
MORE: Final = 1
"""The text ended inside an element; the place is in front of that."""
ODD: Final = 2
"""Something else stands there; the place is in front of the element for terms, behind what is odd for values."""
COUNTED: Final = 3
"""As many elements as were asked for; the place is behind the comma."""

TERM_BYTES_MIN: Final = 16
"""The shortest term, `{"c":1,"ids":[]}`, without the comma behind it."""
ID_BYTES_MIN: Final = 2

STATE_SIZE: Final = 8
_DEPTH, _IN_STRING, _ESCAPED, _AS_FUNCTION, _AS_TERMS, _IN_FUNCTION, _IS_TERMS = range(7)

_C, _IDS = 1, 2
_QUOTE, _COMMA, _COLON, _BACKSLASH = 34, 44, 58, 92
_LIST, _LIST_END, _OBJECT, _OBJECT_END = 91, 93, 123, 125
_FUNCTION: Final = np.frombuffer(b'cost_function"', dtype=np.uint8).copy()
_TERMS: Final = np.frombuffer(b'terms"', dtype=np.uint8).copy()
_SPACES: Final = np.uint64(1 << 9 | 1 << 10 | 1 << 13 | 1 << 32)
# Brackets and braces differ in this bit.
_BRACE_BIT: Final = 32
# 18 digits always fit into 63 bits.
_ID_DIGITS_MAX: Final = 18


@part
def _space(text: Bytes, at: int) -> int:
    while text[at] <= 32 and (_SPACES >> np.uint64(text[at])) & np.uint64(1):
        at += 1
    return at


@part
def _ids(text: Bytes, at: int, ids: Int64s, count: int) -> tuple[int, bool, int]:
    """Read a list of ids into `ids` from `count` on; return (place, whether it was read, count)."""
    if text[at] != _LIST:
        return at, False, count
    at = _space(text, at + 1)
    if text[at] == _LIST_END:
        return at + 1, True, count
    while True:
        first, number = at, 0
        while 48 <= text[at] <= 57:
            number = number * 10 + (text[at] - 48)
            at += 1
        if at == first or at - first > _ID_DIGITS_MAX or (text[first] == 48 and at > first + 1):
            return at, False, count
        ids[count] = number
        count += 1
        at = _space(text, at)
        if text[at] == _LIST_END:
            return at + 1, True, count
        if text[at] != _COMMA:
            return at, False, count
        at = _space(text, at + 1)


@part
def _key(text: Bytes, at: int) -> tuple[int, int]:
    """Read `"c":` or `"ids":` and the space around the colon; return (place, which of the two, or 0)."""
    key = 0
    if text[at] == _QUOTE:
        at += 1
        if text[at] == 99:
            key = _C
        elif text[at] == 105:
            at += 1
            if text[at] == 100:
                at += 1
                key = _IDS if text[at] == 115 else 0
        if key:
            at += 1
            if text[at] == _QUOTE:
                at = _space(text, at + 1)
                if text[at] == _COLON:
                    return _space(text, at + 1), key
    return at, 0


@part
def _term(text: Bytes, at: int, ids: Int64s, count: int) -> tuple[int, bool, float, int]:
    """Read one term; return (place, whether it was read, coefficient, count of ids)."""
    c, met, read = 0.0, 0, text[at] == _OBJECT
    while read and met != _C | _IDS:
        at, key = _key(text, _space(text, at + 1))
        read = key & ~met != 0
        met |= key
        if read and key == _C:
            at, read, c = scan_double(text, at)
        elif read:
            at, read, count = _ids(text, at, ids, count)
        if read:
            at = _space(text, at)
            read = text[at] == (_OBJECT_END if met == _C | _IDS else _COMMA)
    return (at + 1 if read else at), read, c, count


@kernel
def scan_terms(
    text: Bytes, at: int, end: int, coefficient: Float64s, stop: Int64s, ids: Int64s
) -> tuple[int, int, int, int]:
    """Read the terms of a list from `at`, in front of an element, as far as `text[:end]` goes; `text[end]` must be 0.

    Fills `coefficient`, the ids of all terms one after the other, and `stop`: where among them each term's end. Room
    for one element every `TERM_BYTES_MIN` bytes, and one id every `ID_BYTES_MIN`, suffices.
    Returns (place, `CLOSED`, `MORE` or `ODD`, terms, ids).
    """
    terms, count = 0, 0
    while True:
        begin = at
        at, read, c, stopped = _term(text, _space(text, at), ids, count)
        if read:
            at = _space(text, at)
            read = text[at] in (_COMMA, _LIST_END)
        if not read:
            return begin, MORE if at >= end else ODD, terms, count
        coefficient[terms] = c
        stop[terms] = stopped
        terms += 1
        count = stopped
        at += 1
        if text[at - 1] == _LIST_END:
            return at, CLOSED, terms, count


@kernel
def skip_values(text: Bytes, at: int, end: int, most: int) -> tuple[int, int]:
    """Go over at most `most` elements of a list from `at`, in front of one, whatever they are.

    Only strings and brackets are looked at, so that what is no JSON is gone over as well. Returns (place, `CLOSED`,
    `MORE`, `ODD` or `COUNTED`); where the text ends behind some elements, `COUNTED`.
    """
    depth, count, behind, in_string, escaped = 0, 0, at, False, False
    while at < end:
        byte = text[at]
        at += 1
        if in_string:
            in_string = escaped or byte != _QUOTE
            escaped = byte == _BACKSLASH and not escaped
        elif byte == _QUOTE:
            in_string = True
        elif byte | _BRACE_BIT == _OBJECT:
            depth += 1
        elif byte | _BRACE_BIT == _OBJECT_END:
            if depth == 0:
                return at, CLOSED if byte == _LIST_END else ODD
            depth -= 1
        elif byte == _COMMA and depth == 0:
            behind = at
            count += 1
            if count == most:
                return at, COUNTED
    return behind, COUNTED if count else MORE


@part
def _matched(name: Bytes, count: int, byte: np.uint8) -> int:
    """Count one more byte of the name, or none ever again where it is another."""
    return count + 1 if 0 <= count < name.size and name[count] == byte else -1


@kernel
def find_terms(text: Bytes, at: int, end: int, state: Int64s) -> int:
    """Go over `text[at:end]` as part of a document, and stop at the bracket that opens its `cost_function.terms`.

    `state` holds what was met so far: `STATE_SIZE` zeros at first. Returns the place of the bracket, or `end`. Where
    the text is no JSON, the place may be another bracket. An escaped spelling of the two names is not recognised.
    """
    while at < end:
        byte = text[at]
        if state[_IN_STRING]:
            state[_AS_FUNCTION] = _matched(_FUNCTION, state[_AS_FUNCTION], byte)
            state[_AS_TERMS] = _matched(_TERMS, state[_AS_TERMS], byte)
            if byte == _QUOTE and not state[_ESCAPED]:
                state[_IN_STRING] = 0
            state[_ESCAPED] = byte == _BACKSLASH and not state[_ESCAPED]
        elif byte == _QUOTE:
            state[_IN_STRING], state[_AS_FUNCTION], state[_AS_TERMS] = 1, 0, 0
        elif byte == _COLON:
            if state[_DEPTH] == 1:
                state[_IN_FUNCTION] = state[_AS_FUNCTION] == _FUNCTION.size
            elif state[_DEPTH] == 2:
                state[_IS_TERMS] = state[_IN_FUNCTION] and state[_AS_TERMS] == _TERMS.size
        elif byte == _COMMA:
            if state[_DEPTH] <= 2:
                state[_IS_TERMS] = 0
        elif byte | _BRACE_BIT == _OBJECT:
            if byte == _LIST and state[_DEPTH] == 2 and state[_IS_TERMS]:
                state[_IS_TERMS] = 0
                return at
            state[_DEPTH] += 1
        elif byte | _BRACE_BIT == _OBJECT_END:
            state[_DEPTH] -= 1
        at += 1
    return end


def warm_json_terms() -> None:
    """Call each entry point once, with the types of all calls."""
    text = np.zeros(TERM_BYTES_MIN, dtype=np.uint8)
    scan_terms(text, 0, 1, np.empty(2), np.empty(2, dtype=np.int64), np.empty(2, dtype=np.int64))
    skip_values(text, 0, 1, 1)
    find_terms(text, 0, 1, np.zeros(STATE_SIZE, dtype=np.int64))
