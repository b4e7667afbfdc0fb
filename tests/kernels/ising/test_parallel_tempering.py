from __future__ import annotations

import numpy as np
import pytest

from kyanite_kernels.crew import Crew
from kyanite_kernels.ising.blocks import medium_of, run_blocks
from kyanite_kernels.ising.lanes import UNSET
from kyanite_kernels.ising.parallel_tempering import exchange_rates, ladder, temper, tempering_plan
from kyanite_kernels.random_stream import seed_array
from tests.kernels import twins


def test_exchange_rates_equal_enumeration():
    """Two replicas in equilibrium: the mean of min(1, exp(db dE)) over both Boltzmann distributions, within 0.02."""
    terms = twins.random_terms("ising", 6, 2, 0, seed=2)
    betas = np.array([0.02, 0.08])
    energies = np.array([twins.cost(terms, state) for state in twins.configurations(terms)])
    hot, cold = (np.exp(-b * (energies - energies.min())) for b in betas)
    accepted = np.minimum(1.0, np.exp((betas[1] - betas[0]) * (energies[None, :] - energies[:, None])))
    expected = float(hot @ accepted @ cold / hot.sum() / cold.sum())
    for lanes in (2, 64):
        rates = exchange_rates(tempered(terms, betas, lanes, sweeps=40_000 * 2 // lanes))
        assert rates == pytest.approx([expected], abs=0.02)


def tempered(terms, betas, lanes, sweeps):
    """Run a ladder in the form for so many lanes."""
    medium = medium_of(terms, lanes)
    initial = np.full(terms.n, UNSET, dtype=np.int8)
    with Crew() as crew:
        plans = [(medium.whole(lanes), tempering_plan(sweeps, betas))]
        return run_blocks(crew, medium, plans, seed_array(1), 0, initial, 1)


def test_the_ladder_keeps_its_ends_and_thickens_where_exchanges_fail():
    betas = np.array([0.1, 0.2, 0.4, 0.8])
    found = ladder(betas, np.array([1.0, 0.1, 1.0]), 20)
    assert found[[0, -1]] == pytest.approx([0.1, 0.8])
    assert (np.diff(found) > 0).all()
    assert (found[1:-1] > 0.19).all()
    assert (found[1:-1] < 0.41).all()
    assert ladder(betas, np.zeros(3), 5).size == 5


def test_the_order_of_betas_does_not_matter():
    terms = twins.random_terms("pubo", 9, 3, 0, seed=2)
    betas = [1.0, 0.1, 0.5]
    results = [temper(terms, sweeps=50, betas=np.array(order), seed=4) for order in (betas, sorted(betas))]
    assert results[0].states.tolist() == results[1].states.tolist()
    assert results[0].parameters["all_betas"] == betas
