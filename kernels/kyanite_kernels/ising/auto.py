"""The algorithm that suits the problem, found by looking at it and then by trying.

Which algorithms come into question follows from the structure: groups, order, density and size. Each makes a first
short round; from then on the turn goes to whoever had the fewest rounds for its weight. The one that got lowest, the
first of equals, weighs half as much again as the others; as rounds grow twice as long each, that is most of the time
for a good choice, while a bad first impression can be mended. No clock decides, so that a seed gives the same result
again. The result says what was seen, what was tried, and what was chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.bifurcation import bifurcation_rounds
from kyanite_kernels.ising.blocks import medium_of
from kyanite_kernels.ising.configurations import Pool
from kyanite_kernels.ising.parallel_tempering import tempering_rounds
from kyanite_kernels.ising.population_annealing import population_rounds
from kyanite_kernels.ising.result import Parameters, Result, constant_result, result_of
from kyanite_kernels.ising.search import Round, affordable_lanes
from kyanite_kernels.ising.simulated_annealing import annealing_rounds
from kyanite_kernels.ising.tabu import tabu_rounds

if TYPE_CHECKING:
    from kyanite_kernels.control import Control
    from kyanite_kernels.ising.terms import Int8s, Terms

Rounds = Callable[..., Iterator[Round]]

TEMPERING, ANNEALING = "parallel tempering", "simulated annealing"
POPULATION, TABU, BIFURCATION = "population annealing", "tabu search", "simulated bifurcation"

_ROUNDS: Final[dict[str, Rounds]] = {
    TEMPERING: tempering_rounds,
    ANNEALING: annealing_rounds,
    POPULATION: population_rounds,
    TABU: tabu_rounds,
    BIFURCATION: bifurcation_rounds,
}
_LEADER_WEIGHT: Final = 1.5
_CHANCE: Final = 0.5
_QUADRATIC_DEGREE: Final = 2
_DENSITY_MIN: Final = 0.05
_SMALL: Final = 500


class Contender:
    """One algorithm at work: its rounds, and how it stands."""

    def __init__(self, name: str, rounds: Iterator[Round]) -> None:
        """Begin nothing yet."""
        self.name = name
        self.made = 0
        """Rounds made so far."""
        self.best = math.inf
        self.found_at = 0
        """The turn, of all, at which the best was found."""
        self.parameters: Parameters = {}
        self.goes_on = True
        self._rounds = rounds

    def turn(self, number: int) -> None:
        """Make one round, which is turn `number` of all."""
        after = next(self._rounds, None)
        if after is None:
            self.goes_on = False
            return
        self.made += 1
        if after.best < self.best:
            self.best, self.found_at = after.best, number
        self.parameters = after.parameters


def auto(
    terms: Terms,
    *,
    timeout_s: float = 5.0,
    seed: int = 0,
    control: Control | None = None,
    initial: Int8s | None = None,
    solutions: int = 1,
    threads: int = 1,
) -> Result:
    """Minimise `terms` by whichever algorithm does best on it, until `timeout_s` or until the evidence suffices.

    The search ends early once one that is as low as any has converged, and every other made half as many rounds.
    `parameters` of the result hold the `algorithm` chosen and its own `parameters`, the `form` in which lanes ran, what
    was `seen` of the problem, and of every algorithm `tried` its best cost and the rounds it made.

    Raises ValueError where a parameter is out of range.
    """
    with Crew(control, threads=threads, timeout_s=timeout_s) as crew:
        seen = look_at(terms)
        if terms.n == 0:
            return constant_result(terms, crew, {"algorithm": "none", "seen": seen})
        pool = Pool(solutions)
        form = medium_of(terms, affordable_lanes(terms, timeout_s)).kind.name
        contenders = [
            Contender(name, _ROUNDS[name](terms, crew, pool, seed=seed + number, initial=initial))
            for number, name in enumerate(contenders_for(terms, timeout_s))
        ]
        leader = _compete(crew, contenders)
        chosen: Parameters = {
            "algorithm": leader.name,
            "parameters": leader.parameters,
            "form": form,
            "seen": seen,
            "tried": {each.name: {"best_cost": each.best, "rounds": each.made} for each in contenders if each.made},
        }
        return result_of(terms, pool, crew, chosen)


def look_at(terms: Terms) -> dict[str, Any]:
    """Return what a choice may depend on: numbers of variables, terms and groups, the degree, and the density."""
    degrees = np.diff(terms.start)
    pairs = int((degrees == _QUADRATIC_DEGREE).sum())
    most = terms.n * (terms.n - 1) / 2
    return {
        "variables": terms.n,
        "terms": int(terms.coefficient.size),
        "groups": int(terms.group_scale.size),
        "degree": int(degrees.max(initial=0)),
        "density": round(pairs / most, 6) if most else 0.0,
    }


def contenders_for(terms: Terms, timeout_s: float) -> tuple[str, ...]:
    """Return the algorithms that come into question, the most promising first."""
    if affordable_lanes(terms, timeout_s) == 1:
        # One lane is all there is time for: nothing to exchange, nothing to resample, and no memory to waste.
        return (ANNEALING,)
    # Tabu search looks at all variables for each flip: good for small and for dense problems.
    dense = look_at(terms)["density"] >= _DENSITY_MIN
    also = (TABU,) if dense or terms.n < _SMALL else ()
    if terms.group_scale.size or terms.degree > _QUADRATIC_DEGREE:
        return (TEMPERING, ANNEALING, BIFURCATION, *also)
    return (TEMPERING, BIFURCATION, *also, POPULATION)


def _compete(crew: Crew, contenders: list[Contender]) -> Contender:
    """Give turns until the clock or the evidence ends it, and return the best."""
    leader = contenders[0]
    for number in count():
        running = [each for each in contenders if each.goes_on]
        if not running:
            break
        turn = min(running, key=lambda each: each.made / (_LEADER_WEIGHT if each is leader else 1.0))
        converged = [each for each in contenders if not each.goes_on and each.best <= leader.best]
        if converged and turn.made >= _CHANCE * min(each.made for each in converged):
            break
        turn.turn(number)
        leader = min(contenders, key=lambda each: (each.best, each.found_at))
        if not crew.goes_on():
            break
    return leader
