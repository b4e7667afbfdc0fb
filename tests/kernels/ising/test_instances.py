"""Public instances with known optima, about two seconds each at most; skipped where the files are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kyanite_kernels.ising import anneal, anneal_parameterfree, temper_parameterfree
from tests.kernels import instances

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder() -> Path:
    found = instances.folder()
    if found is None:
        pytest.skip("no folder of public instances (TESTS_INSTANCES)")
    return found


def test_max_cut_on_a_random_graph(folder: Path):
    result = anneal_parameterfree(instances.max_cut(folder / "gset" / "G1.txt"), timeout_s=2.0, seed=1)
    assert 11600 <= -result.costs[0] <= 11624


def test_max_cut_on_a_torus_of_continuous_weights(folder: Path):
    terms = instances.max_cut(folder / "isingphys" / "t3g7_5555.txt")
    result = temper_parameterfree(terms, timeout_s=2.0, seed=1)
    assert 0.999 * 28302918 <= -result.costs[0] <= 28302918


def test_a_qubo_reaches_its_proven_optimum(folder: Path):
    result = anneal_parameterfree(instances.qubo(folder / "bqp" / "bqp250-1.sparse"), timeout_s=2.0, seed=1)
    assert result.costs[0] == -45607


def test_cubic_terms_stay_cubic(folder: Path):
    terms = instances.qio(folder / "pubo" / "xorsat3-n64.json")
    result = anneal(terms, sweeps=2000, restarts=20, beta_start=0.05, beta_stop=3.0, seed=1)
    assert -64 <= result.costs[0] <= -60


def test_satisfiable_clauses_are_satisfied(folder: Path):
    result = anneal_parameterfree(instances.max_sat(folder / "sat3" / "uf100-01.cnf"), timeout_s=2.0, seed=1)
    assert result.costs[0] == 0


@pytest.mark.parametrize("solve", [anneal_parameterfree, temper_parameterfree])
def test_quartic_terms_reach_their_optimum(folder: Path, solve):
    assert solve(instances.qio(folder / "pubo" / "labs-n20.json"), timeout_s=2.0, seed=1).costs[0] == 26
