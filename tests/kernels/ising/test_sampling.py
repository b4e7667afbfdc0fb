"""The one sampling loop in every form: fixed temperature, populations, what is kept, and blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.blocks import Medium, medium_of, run_blocks
from kyanite_kernels.ising.changes import changes
from kyanite_kernels.ising.configurations import values_of
from kyanite_kernels.ising.forms.kinds import BITS, DENSE, GENERAL, LANES, PRODUCTS, SOLO
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.population_annealing import population_plan
from kyanite_kernels.ising.schedule import RangeSchedule
from kyanite_kernels.ising.simulated_annealing import annealing_plan
from kyanite_kernels.ising.terms import Terms
from kyanite_kernels.random_stream import seed_array
from tests.kernels import twins
from tests.kernels.instances import quadratic_terms, terms_of

KINDS = [BITS, LANES, DENSE, SOLO, PRODUCTS, GENERAL]
each = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
BETA = 0.11
LANES_TOTAL = 1536


def problem(n: int = 7, seed: int = 5) -> Terms:
    """A small quadratic problem with fields that every form takes."""
    rng = np.random.default_rng(seed)
    products = [(float(rng.integers(-3, 4)), (i, j)) for i in range(n) for j in range(i)]
    return terms_of("ising", n, [*products, *((float(rng.integers(-2, 3)), (i,)) for i in range(n)), (1.5, ())])


def run(kind, terms: Terms, plan, lanes: int = LANES_TOTAL, seed: int = 3, initial=None):
    medium = Medium(kind, kind.form_of(terms), terms.n)
    start = np.full(terms.n, UNSET, dtype=np.int8) if initial is None else initial
    with Crew(threads=2) as crew:
        return run_blocks(crew, medium, [(medium.whole(lanes // 3), plan)] * 3, seed_array(seed), 0, start, 4)


def boltzmann(terms: Terms, beta: float) -> tuple[float, float]:
    """Mean and spread of the energy by enumeration."""
    energies = np.array([twins.cost(terms, state) for state in twins.configurations(terms)])
    weights = np.exp(-beta * (energies - energies.min()))
    weights /= weights.sum()
    mean = float(weights @ energies)
    return mean, math.sqrt(float(weights @ (energies - mean) ** 2))


@each
def test_mean_energies_at_a_fixed_temperature_are_boltzmanns(kind):
    terms = problem()
    mean, spread = boltzmann(terms, BETA)
    energies = np.concatenate([found.energies for found in run(kind, terms, annealing_plan(40, BETA, BETA))])
    assert abs(energies.mean() - mean) < 5 * spread / math.sqrt(energies.size)
    assert energies.std() == pytest.approx(spread, rel=0.12)


@each
def test_a_population_that_was_cooled_and_resampled_is_in_equilibrium(kind):
    terms = problem()
    mean, spread = boltzmann(terms, 3 * BETA)
    beta = RangeSchedule("linear", 0.0, 3 * BETA)
    found = run(kind, terms, population_plan(60, beta, 0.1))
    energies = np.concatenate([block.energies for block in found])
    families = sum(block.families for block in found)
    assert families < energies.size
    # Members of a family are alike: the number of families is what counts, at worst.
    assert abs(energies.mean() - mean) < 5 * spread / math.sqrt(families)


@each
def test_what_is_kept_is_a_local_minimum_and_has_the_energy_that_is_told(kind):
    terms = problem(12, seed=8)
    for block in run(kind, terms, annealing_plan(3, 0.01, 0.02), lanes=192):
        costs = [twins.cost(terms, state) for state in values_of("ising", block.spins)]
        assert block.lowest == pytest.approx(costs, rel=1e-6)
        assert (np.diff(block.lowest) >= 0).all()
        assert (changes(terms, block.spins[0]) >= -1e-9).all()


@each
def test_lanes_are_alike_in_blocks_of_any_size(kind):
    """Lane k depends on the seed and its number alone, not on what runs beside it; words, on those of their chunk."""
    terms = problem(9, seed=2)
    medium = Medium(kind, kind.form_of(terms), terms.n)
    size, start = 512 if kind is BITS else medium.whole(1), np.full(terms.n, UNSET, dtype=np.int8)
    plan = annealing_plan(5, 0.1, 0.3)
    runs = []
    for sizes in ([4 * size], [size] * 4, [size, 2 * size, size]):
        with Crew() as crew:
            found = run_blocks(crew, medium, [(lanes, plan) for lanes in sizes], seed_array(7), 0, start, 1)
        runs.append(np.concatenate([block.energies for block in found]))
    assert runs[0].tolist() == runs[1].tolist() == runs[2].tolist()


def test_the_form_fits_the_problem():
    rng = np.random.default_rng(0)
    full = np.array([(i, j) for i in range(80) for j in range(i)], dtype=np.int32)
    ring = np.array([(i, (i + 1) % 500) for i in range(500)], dtype=np.int32)
    dense = quadratic_terms("ising", 80, full, rng.standard_normal(len(full)), 0.0)
    sparse = quadratic_terms("ising", 500, ring, rng.choice([-1.0, 1.0], 500), 0.0)
    real = quadratic_terms("ising", 500, ring, rng.standard_normal(500), 0.0)
    cubic = twins.random_terms("pubo", 9, 3, 0, seed=1)
    grouped = twins.random_terms("pubo", 9, 2, 2, seed=1)
    chosen = {
        (name, lanes): medium_of(terms, lanes).kind
        for name, terms in {"dense": dense, "sparse": sparse, "real": real, "cubic": cubic, "grouped": grouped}.items()
        for lanes in (1, 64, 1024)
    }
    assert {chosen["dense", lanes] for lanes in (1, 64, 1024)} == {DENSE}
    assert [chosen["sparse", lanes] for lanes in (1, 64, 1024)] == [SOLO, LANES, BITS]
    assert [chosen["real", lanes] for lanes in (1, 64, 1024)] == [SOLO, LANES, LANES]
    assert [chosen["cubic", lanes] for lanes in (1, 64, 1024)] == [GENERAL, PRODUCTS, PRODUCTS]
    assert {chosen["grouped", lanes] for lanes in (1, 64, 1024)} == {GENERAL}


def test_blocks_cover_the_lanes_that_were_asked_for():
    for kind in KINDS:
        medium = Medium(kind, None, 5)
        for lanes in (1, 5, 64, 100, 1000, 1_000_000):
            sizes = medium.blocks(lanes)
            assert sum(sizes) == medium.whole(lanes) >= lanes
            assert all(size % kind.lanes == 0 for size in sizes)
            assert len(sizes) <= 256 or kind.lanes * 256 < lanes


def test_changes_are_what_flips_do():
    for kind in ("ising", "pubo"):
        terms = twins.random_terms(kind, 7, 4, 2, seed=12)
        for state in twins.configurations(terms)[::17]:
            expected = [-twins.fall(terms, state, i) for i in range(7)]
            assert changes(terms, state) == pytest.approx(expected, abs=1e-9)
