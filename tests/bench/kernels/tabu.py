"""Tabu search to the best known value: seeds of ours and of dwave-samplers' in turn."""

from __future__ import annotations

import math
from statistics import median
from typing import Final, NamedTuple

import numpy as np

from kyanite_kernels.crew import TALLY_SIZE, Crew
from kyanite_kernels.ising.configurations import Pool
from kyanite_kernels.ising.tabu import tabu
from kyanite_kernels.ising.tabu_run import Leg, TabuRun, _plan
from kyanite_kernels.ising.terms import Terms
from tests.bench.kernels import instances
from tests.bench.kernels.group import ABSENT, Setting, Stopwatch, present
from tests.bench.kernels.instances import Instance
from tests.bench.kernels.peers import Peers
from tests.bench.table import Cell, Grid

COLUMNS: Final = (
    *("instance", "best known", "met by ours", "by the peer", "ours, search ms", "peer, search ms", "ratio, search"),
    *("ours, call ms", "peer, call ms", "ratio, call", "reach"),
)
TENURE: Final = 20
"""The peer's own choice for so many variables, and ours."""
ROUNDING: Final = 1e-9
_MOVES_MAX: Final = 3_000_000
_PEER_MS: Final = 1_000
_ENDS_AT_ONCE: Final = 1e18
_OURS_A_TURN: Final = 3


class Try(NamedTuple):
    """Seconds of processor time of the search alone and of the whole call, and whether the target was met."""

    search_s: float
    call_s: float
    met: bool


def tabu_to_best(setting: Setting) -> Grid:
    """Tabu search to the best known value; dwave-samplers Tabu."""
    notes = [
        (
            f"Mean processor time a success, one thread, tenure {TENURE}; a run ends at the best known value, or fails "
            f"after {_MOVES_MAX:,} moves of ours or {_PEER_MS:,} ms of the peer's."
        ),
        (
            "The peer's search is its compiled part less what that takes to end at once (its set-up, in its favour), "
            "ours the task on a problem laid out. A call is all from the problem in memory to the result."
        ),
    ]
    names = ("bqp250-1",) if setting.quick else ("bqp250-1", "bqp500-1", "bqp1000-2")
    rows = [row(setting, instance) for instance in present(instances.public(*names), notes)]
    return Grid(COLUMNS, rows, notes)


def row(setting: Setting, instance: Instance) -> tuple[Cell, ...]:
    """Measure one instance."""
    best = math.inf if instance.best_known is None else instance.best_known
    target = best + ROUNDING * abs(best)
    ours_once(instance.terms, target, 0)
    setup_s = peer_setup_s(setting.peers, instance)
    mine: list[Try] = []
    theirs: list[Try] = []
    for turn in range(setting.of(30, 2)):
        mine += [ours_once(instance.terms, target, 1 + _OURS_A_TURN * turn + k) for k in range(_OURS_A_TURN)]
        if setting.peers:
            theirs.append(peers_once(setting.peers, instance, target, 1 + turn, setup_s))
    ours, peer = a_success(mine), a_success(theirs)
    return (
        *(instance.name, best, told(mine), told(theirs), 1e3 * ours.search_s),
        *((1e3 * peer.search_s, peer.search_s / ours.search_s) if theirs else (ABSENT, ABSENT)),
        1e3 * ours.call_s,
        *((1e3 * peer.call_s, peer.call_s / ours.call_s) if theirs else (ABSENT, ABSENT)),
        "10x",
    )


def ours_once(terms: Terms, target: float, seed: int, tenure: int = TENURE) -> Try:
    """Search twice with one seed: on a problem laid out, and by the public call."""
    search, call = Stopwatch(), Stopwatch()
    with Crew() as crew:
        run = TabuRun(terms, crew, Pool(1), seed=seed, initial=None)
        leg, plan, tally = (
            Leg(1, _MOVES_MAX, tenure, run.initial),
            _plan(run.form, _MOVES_MAX, target),
            np.zeros(TALLY_SIZE),
        )
        # The task itself, in this thread: the crew's threads take longer to start than many a search.
        with search.running():
            run._search(leg, plan, 0, tally)
    with call.running():
        found = tabu(terms, sweeps=_MOVES_MAX, tenure=tenure, restarts=1, seed=seed, target=target)
    return Try(search.cpu_s, call.cpu_s, bool(found.costs[0] <= target))


def peers_once(
    peers: Peers, instance: Instance, target: float, seed: int, setup_s: float = 0.0, tenure: int = TENURE
) -> Try:
    """Search once by the peer; `setup_s` is what its compiled part takes to end at once."""
    told = peers.ask(
        "tabu",
        problem=peers.problem(instance.terms),
        target=target,
        timeout_ms=_PEER_MS,
        seed=seed,
        tenure=tenure,
    )
    return Try(max(told["cpu_s"] - setup_s, 0.0), told["call_cpu_s"], told["met"])


def peer_setup_s(peers: Peers | None, instance: Instance) -> float:
    """Return what the peer's compiled part takes to end at once; 0 without a peer."""
    if peers is None:
        return 0.0
    return median(peers_once(peers, instance, _ENDS_AT_ONCE, seed).search_s for seed in range(3))


def a_success(tries: list[Try]) -> Try:
    """Return the mean times a success, failures included; infinite without any."""
    met = sum(each.met for each in tries)
    share = math.inf if met == 0 else 1.0 / met
    return Try(share * sum(each.search_s for each in tries), share * sum(each.call_s for each in tries), met > 0)


def told(tries: list[Try]) -> str:
    """Tell how many met the target."""
    return f"{sum(each.met for each in tries)} of {len(tries)}" if tries else ABSENT
