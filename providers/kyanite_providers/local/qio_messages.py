"""Reads `microsoft.qio.v2` protobuf: an archive of messages, each with some of the terms.

The retired SDK puts up to 1,000 terms into a message, and type and version into the first one only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from kyanite.errors import ProviderError
from kyanite_kernels.text import protobuf_terms as wire
from kyanite_providers.local.archive import files
from kyanite_providers.local.inflate import invalid
from kyanite_providers.local.products import Gathered, starts
from kyanite_providers.local.qio import Wire, checked, read_initial

_PUBO, _ISING = 0, 1
_VERSIONS: Final = (b"1.0", b"1.1")
_ROOM: Final = 1 << 16
_TEXT_MAX: Final = 40


def read_messages(pieces: Iterable[bytes]) -> Wire:
    """Read a problem as it comes, holding one message at a time.

    Raises `ProviderError` `InvalidInputData` that names the field; nothing else, whatever comes.
    """
    said = Said()
    for number, message in enumerate(files(pieces)):
        said.add(number, np.frombuffer(message, dtype=np.uint8))
    kind = _kind(said)
    if said.version is None:
        raise invalid("AZQ102", "cost_function.version", "is missing")
    if said.version not in _VERSIONS:
        text = said.version[:_TEXT_MAX].decode(errors="replace")
        raise invalid("AZQ103", "cost_function.version", f"invalid enum value '{text}'")
    initial = read_initial({str(name): value for name, value in said.initial.items()}, kind)
    return checked(Wire(kind, said.terms.products(), np.zeros(0), starts([]), Gathered().products(), initial))


def _kind(said: Said) -> Literal["ising", "pubo"]:
    if said.type == _PUBO:
        return "pubo"
    if said.type == _ISING:
        return "ising"
    raise invalid("AZQ103", "cost_function.type", f"invalid enum value {said.type}")


class Said:
    """What the messages of a problem said so far; of a field that comes twice, the last one counts."""

    def __init__(self) -> None:
        """Begin with what goes without saying: a type that is left out is the first one."""
        self.type = 0
        self.version: bytes | None = None
        self.initial: dict[int, int] = {}
        self.terms = Gathered()
        self._state = np.zeros(wire.STATE_SIZE, dtype=np.int64)
        self._coefficient = np.empty(_ROOM, dtype=np.float64)
        self._stop = np.empty(_ROOM, dtype=np.int64)
        self._ids = np.empty(4 * _ROOM, dtype=np.int64)
        self._entries = np.empty((_ROOM, 2), dtype=np.int64)

    def add(self, number: int, message: NDArray[np.uint8]) -> None:
        """Add what a message says. Raises `ProviderError`, with the message's number where it is malformed."""
        state, bits = self._state, self._coefficient.view(np.uint64)
        state[[wire.AT, wire.FUNCTION_END]] = 0
        state[[wire.KIND, wire.VERSION_AT]] = -1
        status = wire.FULL
        while status == wire.FULL:
            status = wire.scan_message(message, message.size, state, bits, self._stop, self._ids, self._entries)
            if status not in {wire.FULL, wire.DONE}:
                raise self._fault(status, number, message)
            if not self._gather():
                self._ids = np.empty(2 * self._ids.size, dtype=np.int64)
        if state[wire.KIND] >= 0:
            self.type = int(state[wire.KIND])
        if state[wire.VERSION_AT] >= 0:
            self.version = message[state[wire.VERSION_AT] : state[wire.VERSION_END]].tobytes()

    def _gather(self) -> bool:
        """Take over what the arrays hold; return whether that makes room."""
        terms, ids, entries = (int(self._state[place]) for place in (wire.TERMS, wire.IDS, wire.INITIALS))
        coefficient = self._coefficient[:terms]
        if not np.isfinite(coefficient).all():
            first = int(np.flatnonzero(~np.isfinite(coefficient))[0])
            literal = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(float(coefficient[first]))]
            path = f"cost_function.terms[{self.terms.count + first}].c"
            raise invalid("AZQ103", path, f"{literal} is not a finite number")
        self.terms.add(coefficient, self._stop[:terms], self._ids[:ids])
        self.initial |= zip(self._entries[:entries, 0].tolist(), self._entries[:entries, 1].tolist(), strict=True)
        self._state[[wire.TERMS, wire.IDS, wire.INITIALS]] = 0
        return bool(terms or entries)

    def _fault(self, status: int, number: int, message: NDArray[np.uint8]) -> ProviderError:
        state = self._state
        place = int(state[wire.WHERE])
        if status == wire.NEGATIVE_ID:
            term = int(state[wire.TERMS])
            path = f"cost_function.terms[{self.terms.count + term}].ids[{self._stop[term] - state[wire.IDS]}]"
            return invalid("AZQ103", path, "expected int >= 0")
        if status == wire.ODD_KEY:
            return invalid("AZQ104", "cost_function.initial_configuration", "a key is not the id of a variable")
        return invalid("AZQ105", None, f"message {number} is malformed (byte {place} of {message.size})")
