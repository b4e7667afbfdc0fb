"""The measurements of `make bench-kernels` run: in their smallest form, without peers or public files."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from kyanite_providers.local.frames import Source
from tests.bench.kernels import __main__ as bench
from tests.bench.kernels import instances, long_problem
from tests.bench.kernels.fixed_work import COLUMNS, difference
from tests.bench.kernels.long_problem_process import one_by_one
from tests.bench.kernels.time_to_target import Outcome


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """No peers, and no public file but one small max-cut problem."""
    monkeypatch.setenv("BENCH_PEERS", str(tmp_path / "none"))
    monkeypatch.setenv("TESTS_INSTANCES", str(tmp_path))
    (tmp_path / "gset").mkdir()
    (tmp_path / "gset" / "G11.txt").write_text("4 4\n1 2 1\n2 3 1\n3 4 1\n1 4 1\n")
    (tmp_path / "README.md").write_text("| G11 | 4 | 4 | square | 4 | yes | [1] |\n")


def test_fixed_work_is_measured_without_peers(alone, capsys):
    assert bench.main(["unit", "cubic", "--quick"]) == 0
    printed = capsys.readouterr().out
    assert all(column in printed for column in COLUMNS)
    assert "Chimera 2x2" in printed
    assert "3-XORSAT, n=32" in printed
    assert "absent" in printed


def test_time_to_target_is_measured_and_absent_files_are_named(alone, capsys):
    assert bench.main(["tts", "auto", "tabu", "--quick"]) == 0
    printed = capsys.readouterr().out
    (row,) = [line.split() for line in printed.splitlines() if line.split()[:1] == ["G11"]]
    assert 0 < float(row[2]) < math.inf
    assert "Left out, the files not being here: gka8a, uf100-01." in printed
    assert "Left out, the files not being here: bqp250-1." in printed


def test_two_threads_are_measured_and_find_the_same(alone, capsys):
    assert bench.main(["threads", "--quick"]) == 0
    assert "tempering, 16 replicas" in capsys.readouterr().out


def test_long_problem_is_written_read_solved_and_its_result_written(tmp_path):
    long_problem.written(tmp_path / "in.json", 300, 2)
    content = (tmp_path / "in.json").read_bytes()
    told = one_by_one(Source("", content=content), tmp_path / "out.json", 0.2)
    terms, variables = 300, 60
    # A coefficient and where it starts, two variables a term, the ids.
    assert told["arrays"] >= 8 * terms + 8 * terms + 2 * 4 * terms + 8 * variables
    assert 0 < told["read_peak"] <= told["solved_peak"] <= told["written_peak"]
    output = json.loads((tmp_path / "out.json").read_text())
    assert len(output["configuration"]) == variables


def test_best_known_values_come_out_of_the_listing(tmp_path):
    listing = tmp_path / "README.md"
    listing.write_text(
        "| instance | n | terms | kind | best known | proven | source |\n"
        "| --- | ---: | ---: | --- | ---: | --- | --- |\n"
        "| G1 | 800 | 19176 | random, w=1 | 11624 | no | [1] |\n"
        "| uf250-01, -02 | 250 | 1065 clauses | satisfiable | 0 violated | yes | [6] |\n"
        "| xorsat3-n64 / -n128 | 64 / 128 | n cubic | planted | -64 / -128 | yes | made here |\n"
    )
    assert instances.best_known(listing) == {
        "G1": 11624,
        "uf250-01": 0,
        "uf250-02": 0,
        "xorsat3-n64": -64,
        "xorsat3-n128": -128,
    }


def test_instances_are_what_they_are_called():
    chimera = instances.chimera(3, seed=1).terms
    inside = 9 * 16
    between = 2 * 2 * 3 * 4
    assert chimera.n == 72
    assert (np.diff(chimera.start) == 2).sum() == inside + between
    degrees = np.bincount(chimera.variable)
    assert (degrees.min(), degrees.max()) == (5, 6)
    integers = instances.with_integers(instances.regular(20, 3, seed=1), 7, seed=2).terms
    weights = set(np.abs(integers.coefficient[:-1]))
    assert weights <= set(range(1, 8))
    assert len(weights) > 3


def test_time_to_target_is_what_99_percent_take():
    assert Outcome(2.0, 0, 10).tts_s == math.inf
    assert Outcome(2.0, 10, 10).tts_s == 2.0
    assert Outcome(2.0, 5, 10).tts_s == pytest.approx(2.0 * math.log(100) / math.log(2))
    assert Outcome(2.0, 999, 1000).tts_s == 2.0


def test_difference_is_in_standard_errors():
    random = np.random.default_rng(1)
    same, other = random.normal(size=10_000), random.normal(0.1, size=10_000)
    assert difference(same, same) == 0.0
    assert difference(other, same) == pytest.approx(0.1 / math.sqrt(2e-4), abs=3)
    assert difference(np.ones(3), np.ones(3)) == 0.0
