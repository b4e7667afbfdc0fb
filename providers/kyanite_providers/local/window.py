"""What is held of a long text while it is scanned: the part that is not read yet, and a zero behind it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

WINDOW_BYTES: Final = 1 << 21


class Window:
    """`text[at:end]` is to be read next, and `text[end]` is 0; whoever reads moves `at`.

    `offset` is the place in the whole text of what stands at `text[0]`.
    """

    def __init__(self, pieces: Iterable[bytes | memoryview], size: int = WINDOW_BYTES) -> None:
        """Hold nothing yet of a text that comes in these pieces; make room for `size` bytes at first."""
        self.text = np.zeros(size, dtype=np.uint8)
        self.at = self.end = self.offset = 0
        self._pieces = iter(pieces)

    def more(self) -> bool:
        """Read on, keeping what was not read; return whether anything came.

        At least as much comes as was kept, so that reading the kept part again costs no more than once.
        """
        wanted, came = max(self.end - self.at, 1), 0
        while came < wanted:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._append(piece)
            came += len(piece)
        return came > 0

    def _append(self, piece: bytes | memoryview) -> None:
        kept = self.end - self.at
        size = kept + len(piece)
        if self.end + len(piece) >= self.text.size:
            held = self.text[self.at : self.end]
            if size >= self.text.size:
                self.text = np.empty(2 * size, dtype=np.uint8)
            self.text[:kept] = held
            self.offset += self.at
            self.at, self.end = 0, kept
        self.text[self.end : self.end + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        self.end += len(piece)
        self.text[self.end] = 0
