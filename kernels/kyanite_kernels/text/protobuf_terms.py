"""A scanner of the protobuf messages that a problem is sent in, resumable where its arrays are full.

The message, as the retired SDK's descriptor has it: field 1 the cost function, with 1 type (an enumeration), 2 version,
3 terms (1 `c`, a double; 2 `ids`, packed int64) and 4 the initial configuration, a map from text to int32; field 2
metadata. A number that is 0 and a list that is empty are left out. As protobuf asks, a field may come in parts and in
any order, the last value of a single one counts, packed numbers may come unpacked, and unknown fields are gone over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from kyanite_kernels.jit import kernel, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kyanite_kernels.text.decimal import Bytes

    Float64s = NDArray[np.float64]
    Int64s = NDArray[np.int64]

DONE: Final = 0
FULL: Final = 1
"""An array is full; call again with the same state and emptied or larger arrays."""
MALFORMED: Final = 2
"""No protobuf, from the place on."""
NEGATIVE_ID: Final = 3
ODD_KEY: Final = 4
"""A key of the initial configuration at the place is no id."""

STATE_SIZE: Final = 9
AT, FUNCTION_END, KIND, VERSION_AT, VERSION_END, TERMS, IDS, INITIALS, WHERE = range(STATE_SIZE)
"""Places of the state: in front of which field, where the cost function ends (0 outside of one), its type and version
(-1 where none was met), how many terms, ids and initial values the arrays hold, and where the fault is."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES_MAX: Final = 10
_INT64_DIGITS: Final = 19


@part
def _varint(text: Bytes, at: int, end: int) -> tuple[int, np.uint64]:
    """Return the place behind the number and the number; the place -1 where there is none."""
    value, shift = np.uint64(0), 0
    while at < end and shift < 7 * _VARINT_BYTES_MAX:
        byte = np.uint64(text[at])
        at += 1
        value |= (byte & np.uint64(127)) << np.uint64(shift)
        if byte < np.uint64(128):
            # The tenth byte has room for one bit.
            return (-1 if shift == 63 and byte > np.uint64(1) else at), value
        shift += 7
    return -1, value


@part
def _field(text: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Read a field's key; return (place of its value, place behind the value, 8 * number + wire type).

    A length counts as part of the key. The place is -1 where this is no field; groups, long abandoned, are none.
    """
    at, key = _varint(text, at, end)
    if at < 0 or key < np.uint64(8) or key > np.uint64(0xFFFFFFFF):
        return -1, -1, 0
    wire = np.int64(key & np.uint64(7))
    if wire == _VARINT:
        stop, _ = _varint(text, at, end)
    elif wire == _FIXED64:
        stop = at + 8
    elif wire == _FIXED32:
        stop = at + 4
    elif wire == _LENGTH:
        at, length = _varint(text, at, end)
        if at < 0 or length > np.uint64(end - at):
            return -1, -1, 0
        stop = at + int(np.int64(length))
    else:
        return -1, -1, 0
    return (at if 0 <= stop <= end else -1), stop, int(np.int64(key))


@part
def _double(text: Bytes, at: int, bits: NDArray[np.uint64]) -> None:
    value = np.uint64(0)
    for k in range(8):
        value |= np.uint64(text[at + k]) << np.uint64(8 * k)
    bits[0] = value


@part
def _term(text: Bytes, at: int, end: int, bits: NDArray[np.uint64], ids: Int64s, count: int) -> tuple[int, int, int]:
    """Read a term; return (status, count of ids, place of a fault)."""
    bits[0] = np.uint64(0)
    while at < end:
        begin = at
        at, stop, key = _field(text, at, end)
        if at < 0:
            return MALFORMED, count, begin
        if key == 8 + _FIXED64:
            _double(text, at, bits)
        elif key == 16 + _LENGTH or key == 16 + _VARINT:
            while at < stop:
                begin = at
                at, number = _varint(text, at, stop)
                if at < 0:
                    return MALFORMED, count, begin
                if number >> np.uint64(63):
                    return NEGATIVE_ID, count, begin
                if count == ids.size:
                    return FULL, count, begin
                ids[count] = np.int64(number)
                count += 1
        at = stop
    return DONE, count, end


@part
def _initial(text: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Read an entry of the initial configuration; return (status, id, value)."""
    name, value, name_read = 0, 0, False
    while at < end:
        at, stop, key = _field(text, at, end)
        if at < 0:
            return MALFORMED, name, value
        if key == 8 + _LENGTH:
            if stop == at or stop - at > _INT64_DIGITS or (text[at] == 48 and stop > at + 1):
                return ODD_KEY, name, value
            number = np.uint64(0)
            for k in range(at, stop):
                if not 48 <= text[k] <= 57:
                    return ODD_KEY, name, value
                number = number * np.uint64(10) + np.uint64(text[k] - 48)
            if number >> np.uint64(63):
                return ODD_KEY, name, value
            name, name_read = int(np.int64(number)), True
        elif key == 16 + _VARINT:
            _, number = _varint(text, at, stop)
            value = int(np.int64(number))
        at = stop
    return (DONE if name_read else ODD_KEY), name, value


@kernel
def scan_message(
    text: Bytes,
    end: int,
    state: Int64s,
    bits: NDArray[np.uint64],
    stop: Int64s,
    ids: Int64s,
    initial: Int64s,
) -> int:
    """Read the message `text[:end]` from where `state`, int64[STATE_SIZE], says; return the status.

    Adds to the arrays: the coefficients' 64 bits, where the ids of each term end, ids, and initial values as
    int64[m, 2] (id, value). With a status other than `DONE` or `FULL`, the fault is in the term or entry that would be
    next.
    """
    while True:
        if state[AT] >= state[FUNCTION_END]:
            state[FUNCTION_END] = 0
            if state[AT] == end:
                return DONE
        inside = state[FUNCTION_END] > 0
        begin = state[AT]
        at, behind, key = _field(text, begin, state[FUNCTION_END] if inside else end)
        if at < 0:
            state[WHERE] = begin
            return MALFORMED
        if not inside:
            if key == 8 + _LENGTH and behind > at:
                state[FUNCTION_END], behind = behind, at
        elif key == 8 + _VARINT:
            _, number = _varint(text, at, behind)
            state[KIND] = np.int64(min(number, np.uint64(1 << 30)))
        elif key == 16 + _LENGTH:
            state[VERSION_AT], state[VERSION_END] = at, behind
        elif key == 24 + _LENGTH:
            terms = state[TERMS]
            if terms == stop.size:
                return FULL
            status, count, state[WHERE] = _term(text, at, behind, bits[terms:], ids, state[IDS])
            stop[terms] = count
            if status != DONE:
                return status
            state[TERMS], state[IDS] = terms + 1, count
        elif key == 32 + _LENGTH:
            place = state[INITIALS]
            if place == initial.shape[0]:
                return FULL
            status, initial[place, 0], initial[place, 1] = _initial(text, at, behind)
            state[WHERE] = at
            if status != DONE:
                return status
            state[INITIALS] = place + 1
        state[AT] = behind


def warm_protobuf_terms() -> None:
    """Call the entry point once, with the types of all calls."""
    room = np.empty(1, dtype=np.int64)
    state = np.zeros(STATE_SIZE, dtype=np.int64)
    scan_message(
        np.zeros(1, dtype=np.uint8),
        0,
        state,
        np.empty(1, dtype=np.uint64),
        room,
        room,
        np.empty((1, 2), dtype=np.int64),
    )
