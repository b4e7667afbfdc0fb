"""Rows of neighbours from the pairs among terms, in little more memory than the rows themselves."""

from __future__ import annotations

import numpy as np

from kyanite_kernels.ising.terms import Float64s, Int32s, Int64s, Terms
from kyanite_kernels.jit import kernel, part

_PAIR = 2
_SHORT = 32


def rows_of(terms: Terms, factor: float) -> tuple[Int64s, Int32s, Float64s]:
    """Return `start` [n + 1], `variable` and `weight` of rows, from both ends of each pair; weights are times `factor`.

    Rows are sorted by variable; equal pairs are added up, and sums of 0 left out.
    """
    pairs = int((np.diff(terms.start) == _PAIR).sum())
    start = np.zeros(terms.n + 1, dtype=np.int64)
    variable, weight = np.empty(2 * pairs, dtype=np.int32), np.empty(2 * pairs, dtype=np.float64)
    used = int(_fill(terms.start, terms.variable, terms.coefficient, factor, start, variable, weight))
    for array in (variable, weight):
        # Shrinks where it lies: a copy would double the peak.
        array.resize(used, refcheck=False)
    return start, variable, weight


@part
def _sift(variable: Int32s, weight: Float64s, low: int, root: int, size: int) -> None:
    """Restore the heap below `root` among the `size` entries from `low` on: the largest variable on top."""
    while True:
        child = 2 * root + 1
        if child >= size:
            return
        if child + 1 < size and variable[low + child + 1] > variable[low + child]:
            child += 1
        if variable[low + root] >= variable[low + child]:
            return
        a, b = low + root, low + child
        variable[a], variable[b] = variable[b], variable[a]
        weight[a], weight[b] = weight[b], weight[a]
        root = child


@part
def _sort_row(variable: Int32s, weight: Float64s, low: int, high: int) -> None:
    """Sort a row by variable: short ones by insertion, long ones as a heap, so that no row takes quadratic time."""
    size = high - low
    if size > _SHORT:
        for root in range(size // 2 - 1, -1, -1):
            _sift(variable, weight, low, root, size)
        for last in range(size - 1, 0, -1):
            a, b = low, low + last
            variable[a], variable[b] = variable[b], variable[a]
            weight[a], weight[b] = weight[b], weight[a]
            _sift(variable, weight, low, 0, last)
        return
    for a in range(low + 1, high):
        v, w, b = variable[a], weight[a], a
        while b > low and variable[b - 1] > v:
            variable[b], weight[b] = variable[b - 1], weight[b - 1]
            b -= 1
        variable[b], weight[b] = v, w


@kernel
def _fill(
    start: Int64s,
    variable: Int32s,
    coefficient: Float64s,
    factor: float,
    row_start: Int64s,
    row_variable: Int32s,
    row_weight: Float64s,
) -> int:
    """Fill rows with the pairs among the terms, both ways, by a counting sort; sort each row, merge, and drop zeros.

    `row_start`, int64[n + 1], comes with zeros; the row arrays have two places a pair. Returns how many are used.
    """
    n = row_start.size - 1
    for t in range(coefficient.size):
        if start[t + 1] - start[t] == _PAIR:
            row_start[variable[start[t]] + 1] += 1
            row_start[variable[start[t] + 1] + 1] += 1
    for i in range(n):
        row_start[i + 1] += row_start[i]
    # row_start[i] moves to the end of row i while it is filled, which is where row i + 1 starts.
    for t in range(coefficient.size):
        if start[t + 1] - start[t] == _PAIR:
            i, j = variable[start[t]], variable[start[t] + 1]
            row_variable[row_start[i]], row_weight[row_start[i]] = j, factor * coefficient[t]
            row_start[i] += 1
            row_variable[row_start[j]], row_weight[row_start[j]] = i, factor * coefficient[t]
            row_start[j] += 1
    used, low = 0, 0
    for i in range(n):
        high = row_start[i]
        _sort_row(row_variable, row_weight, low, high)
        row_start[i] = used
        while low < high:
            v, w = row_variable[low], 0.0
            while low < high and row_variable[low] == v:
                w += row_weight[low]
                low += 1
            if w != 0.0:
                row_variable[used], row_weight[used] = v, w
                used += 1
    row_start[n] = used
    return used
