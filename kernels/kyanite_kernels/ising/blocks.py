"""Blocks of lanes on the crew's threads: which form a problem takes, how many lanes a block has, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import numpy as np

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.forms.kinds import BITS, DENSE, GENERAL, LANES, PRODUCTS, SOLO, Kind
from kyanite_kernels.ising.sampling import Plan, Told, _sample, _take
from kyanite_kernels.ising.terms import Float64s, Int8s, Int64s, Terms
from kyanite_kernels.random_stream import Seed

_FEW_LANES: Final = 4
_MANY_LANES: Final = 256
_DENSE_SHARE: Final = 0.2
_DENSE_MIN: Final = 64
_SLOTS_MAX: Final = 64
_BLOCKS_MAX: Final = 256
_DIGEST_BYTES: Final = 16
_QUADRATIC_DEGREE: Final = 2


class Medium(NamedTuple):
    """A problem in the form in which its lanes run."""

    kind: Kind
    form: Any
    n: int

    @property
    def block(self) -> int:
        """The number of lanes at which a block runs best."""
        return self.kind.block

    def whole(self, lanes: int) -> int:
        """Return the least number of lanes, `lanes` at least, that blocks of this form can have."""
        return -(-lanes // self.kind.lanes) * self.kind.lanes

    def blocks(self, lanes: int) -> list[int]:
        """Return the sizes of the blocks of `lanes` lanes or a few more."""
        whole = self.whole(lanes)
        size = max(self.kind.block, self.whole(-(-whole // _BLOCKS_MAX)))
        full, rest = divmod(whole, size)
        return [size] * full + [rest] * (rest > 0)


class Found(NamedTuple):
    """What a block found.

    `energies` [B] are those of the final states. `spins`, int8[k, n], are the lowest states met, with their energies
    `lowest` [k], best first; `slot_best` [K] holds the best of each ladder, or of several where there are many.
    """

    energies: Float64s
    spins: Int8s
    lowest: Float64s
    slot_best: Float64s
    tries: Int64s
    swaps: Int64s
    families: int
    sweeps: int


def medium_of(terms: Terms, lanes: int) -> Medium:
    """Choose the form for `lanes` lanes or more: the fastest that holds the problem exactly."""
    for kind in _candidates(terms, lanes):
        form = kind.form_of(terms)
        if form is not None:
            return Medium(kind, form, terms.n)
    return Medium(GENERAL, GENERAL.form_of(terms), terms.n)


def _candidates(terms: Terms, lanes: int) -> tuple[Kind, ...]:
    if terms.group_scale.size:
        return ()
    if terms.degree > _QUADRATIC_DEGREE:
        return (PRODUCTS,) if lanes > _FEW_LANES else ()
    pairs = float((np.diff(terms.start) == _QUADRATIC_DEGREE).sum())
    dense = terms.n >= _DENSE_MIN and 2.0 * pairs >= _DENSE_SHARE * terms.n * terms.n
    if dense:
        return (DENSE, SOLO)
    if lanes <= _FEW_LANES:
        return (SOLO,)
    return (BITS, LANES, SOLO) if lanes >= _MANY_LANES else (LANES, SOLO)


def run_blocks(
    crew: Crew, medium: Medium, plans: Sequence[tuple[int, Plan]], seed: Seed, first: int, initial: Int8s, keep: int
) -> list[Found]:
    """Run a block of `lanes` lanes for each (lanes, plan), the first lane being number `first` of the job's.

    Each returns its `keep` lowest states. Blocks that had not begun when the run was to end are left out.
    """
    tasks: list[Callable[[Float64s], Found]] = []
    for lanes, plan in plans:
        tasks.append(partial(_run_block, crew, medium, lanes, plan, seed, first, initial, keep))
        first += lanes
    return crew.run(tasks)


def _run_block(
    crew: Crew,
    medium: Medium,
    lanes: int,
    plan: Plan,
    seed: Seed,
    first: int,
    initial: Int8s,
    keep: int,
    tally: Float64s,
) -> Found:
    kind, form = medium.kind, medium.form
    rungs = plan.ladder.size
    slots = medium.whole(min(lanes // rungs, _SLOTS_MAX))
    state, best = kind.state(form, lanes), kind.state(form, slots)
    told = Told(
        energies=np.empty(lanes),
        best_energy=np.empty(slots),
        tries=np.zeros(max(rungs - 1, 1), dtype=np.int64),
        swaps=np.zeros(max(rungs - 1, 1), dtype=np.int64),
        family=np.empty(lanes, dtype=np.int64),
        done=np.zeros(2, dtype=np.int64),
    )
    _sample(form, state, best, kind.shared, plan, seed, first, initial, told, crew.control, tally)
    spins, lowest = _lowest(medium, ((state, told.energies), (best, told.best_energy)), keep)
    families = np.unique(told.family).size
    used = told.best_energy[: lanes // rungs]
    return Found(told.energies, spins, lowest, used, told.tries, told.swaps, families, int(told.done[0]))


def _lowest(medium: Medium, places: Sequence[tuple[Any, Float64s]], keep: int) -> tuple[Int8s, Float64s]:
    """Return the `keep` lowest distinct states of all places, best first."""
    rows, values = [], []
    for state, energies in places:
        order = np.argsort(energies, kind="stable")[:keep].astype(np.int64)
        out = np.empty((order.size, medium.n), dtype=np.int8)
        _take(medium.form, state, order, out)
        rows.append(out)
        values.append(energies[order])
    spins, lowest = np.concatenate(rows), np.concatenate(values)
    distinct: dict[bytes, int] = {}
    for row in np.argsort(lowest, kind="stable").tolist():
        # A digest, for states can be long.
        distinct.setdefault(blake2b(spins[row], digest_size=_DIGEST_BYTES).digest(), row)
    chosen = list(distinct.values())[:keep]
    return spins[chosen], lowest[chosen]
