"""The real clock and the real chance, behind their ports."""

from __future__ import annotations

import asyncio
import os
import random
import time
from datetime import UTC, datetime
from itertools import count


def being_cancelled() -> bool:
    """Tell whether the current task is being cancelled; else a `CancelledError` is some awaited thing's own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class SystemClock:
    """This machine's clocks."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""
        return time.monotonic()


class SystemEntropy:
    """Identity from the operating system's randomness."""

    def __init__(self) -> None:
        """Draw this process's own prefix for event ids."""
        self._prefix = os.urandom(8).hex()
        self._serial = count()
        self._pool = b""
        self._random = random.SystemRandom()

    def job_id(self) -> str:
        """Return a UUID of version 7 (RFC 9562): its first 48 bits are the time in milliseconds.

        Ids that grow with time keep the store's indexes compact; random ones would touch a page each.
        """
        if len(self._pool) < 10:
            self._pool = os.urandom(5_120)
        raw, self._pool = int.from_bytes(self._pool[:10]), self._pool[10:]
        value = (time.time_ns() // 1_000_000) << 80 | 0x7 << 76 | (raw >> 68 & 0xFFF) << 64
        value |= 0b10 << 62 | raw & 0x3FFF_FFFF_FFFF_FFFF
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def event_id(self) -> str:
        """Return an id that no other process and no other event has."""
        return f"{self._prefix}{next(self._serial):x}"

    def random(self) -> float:
        """Return a number uniform in [0, 1)."""
        return self._random.random()
