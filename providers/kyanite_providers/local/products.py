"""Products of variables as flat arrays, under the ids of the wire, and how they are gathered from parts."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.int32] | NDArray[np.int64]

_NARROW_MAX: Final = 2**31 - 1
_BLOCK_MIN: Final = 1 << 12
# In bytes, at least what the C library always takes from the system and gives back to it: freed blocks do not linger.
_BLOCK_MAX: Final = 1 << 22


class Products(NamedTuple):
    """Coefficients, float64[T], and for each the ids of its factors: `ids[start[t]:start[t + 1]]`.

    Ids are int32 where all of them fit, else int64.
    """

    coefficient: NDArray[np.float64]
    start: NDArray[np.int64]
    ids: Ids


class Gathered:
    """Products that come in parts; `count` says how many there are."""

    def __init__(self) -> None:
        """Hold none."""
        self.count = 0
        self._references = 0
        self._coefficient, self._start, self._ids = _Column(), _Column(), _Column()
        self._start.append(np.zeros(1, dtype=np.int64))

    def add(self, coefficient: NDArray[np.float64], stop: NDArray[np.int64], ids: Ids) -> None:
        """Add a copy of these: product t of them has the ids up to `stop[t]`."""
        self._coefficient.append(coefficient)
        self._start.append(stop + self._references)
        self._ids.append(narrowed(ids))
        self.count += coefficient.size
        self._references += ids.size

    def products(self) -> Products:
        """Return all of them, and hold none any more. At most one array is held twice at a time."""
        coefficient, start = self._coefficient.joined(np.float64), self._start.joined(np.int64)
        return Products(coefficient, start, self._ids.joined(np.int32))


class _Column:
    """An array that grows, in blocks of doubling length; the wider of two types is kept."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[Any]] = []
        self._length = 0

    def append(self, values: NDArray[Any]) -> None:
        while values.size:
            if not self._blocks or self._length == self._blocks[-1].size or values.itemsize > self._blocks[-1].itemsize:
                self._begin_block(values.dtype)
            last = self._blocks[-1]
            taken = min(values.size, last.size - self._length)
            last[self._length : self._length + taken] = values[:taken]
            self._length += taken
            values = values[taken:]

    def _begin_block(self, dtype: np.dtype[Any]) -> None:
        size = _BLOCK_MIN
        if self._blocks:
            last = self._blocks[-1]
            size = min(2 * last.size, _BLOCK_MAX)
            dtype = np.promote_types(dtype, last.dtype)
            self._blocks[-1] = last[: self._length]
        self._blocks.append(np.empty(size, dtype))
        self._length = 0

    def joined(self, dtype: type[np.generic]) -> NDArray[Any]:
        """Return the whole, of this type if it is empty, and hold nothing any more."""
        if not self._blocks:
            return np.empty(0, dtype)
        self._blocks[-1] = self._blocks[-1][: self._length]
        whole = np.empty(sum(block.size for block in self._blocks), self._blocks[-1].dtype)
        end = whole.size
        while self._blocks:
            block = self._blocks.pop()
            whole[end - block.size : end] = block
            end -= block.size
        return whole


def narrowed(ids: Ids) -> Ids:
    """Return a copy of ids from 0 on, in the narrower type that holds them."""
    return ids.astype(np.int32) if ids.max(initial=0) <= _NARROW_MAX else ids.astype(np.int64)


def starts(lengths: list[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where ranges of these lengths start, one behind the other, and where the last one ends."""
    start = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=start[1:])
    return start
