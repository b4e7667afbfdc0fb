import pytest

from kyanite_providers.local.frames import Inspected
from kyanite_providers.local.needs import needs
from kyanite_providers.local.parameters import (
    Annealing,
    Bifurcation,
    PopulationAnnealing,
    QuantumMonteCarlo,
    Search,
    Substochastic,
    Tabu,
    Tempering,
)

MIB = 1 << 20
SMALL = Inspected(variables=100, terms=300, references=600, inflated_bytes=20_000)
LARGE = Inspected(variables=1_000_000, terms=5_000_000, references=10_000_000, inflated_bytes=200_000_000)


@pytest.mark.parametrize(
    ("parameters", "cores"),
    [
        (Annealing(sweeps=100, restarts=10), 1),
        (Annealing(sweeps=10_000, restarts=1_000), 3),
        (Tempering(sweeps=100, replicas=8), 1),
        (Tempering(sweeps=10_000, all_betas=[1.0] * 100), 3),
        (Tabu(sweeps=1_000, restarts=4), 1),
        (PopulationAnnealing(), 3),
        (QuantumMonteCarlo(sweeps=10, restarts=1), 1),
        (Substochastic(), 1),
        (Search(), 3),
        (Bifurcation(), 3),
    ],
)
def test_long_searches_get_several_cores(parameters, cores):
    assert needs(SMALL, parameters, 3).cores == cores
    assert needs(LARGE, parameters, 1).cores == 1


def test_memory_grows_with_the_problem_and_the_copies_of_its_state():
    small, large = (needs(size, Annealing(), 1).memory_bytes for size in (SMALL, LARGE))
    assert 192 * MIB < small < 512 * MIB
    assert large > small + 50 * LARGE.references
    wide = needs(LARGE, PopulationAnnealing(population=2000), 1).memory_bytes
    assert wide > needs(LARGE, PopulationAnnealing(population=64), 1).memory_bytes


def test_a_dense_problem_needs_its_matrix():
    dense = Inspected(variables=8_000, terms=31_996_000, references=63_992_000, inflated_bytes=10**9)
    sparse = Inspected(variables=8_000, terms=16_000, references=32_000, inflated_bytes=10**6)
    assert needs(dense, Annealing(), 1).memory_bytes > 4 * 8_000**2
    assert needs(sparse, Annealing(), 1).memory_bytes < 4 * 8_000**2 + 320 * MIB
