"""The score of the tests themselves; in a process of its own, as it forks."""

import json
import os
import sys

import anyio
import pytest

from tests.mutation.subjects import SUBJECTS
from tests.reliability import counts, record

SAMPLE = counts(quick=None, ci=60, soak=0)


@pytest.mark.skipif(SAMPLE is None, reason="takes a minute: part of make reliability-ci, and whole of make soak")
@pytest.mark.timeout(7_200)
async def test_enough_mutants_are_noticed(tmp_path):
    report = tmp_path / "figures.json"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RELIABILITY", "PYTEST"))}
    words = ["-m", "tests.mutation", "--sample", str(SAMPLE), "--report", str(report)]
    result = await anyio.run_process([sys.executable, *words], env=environment, check=False)
    assert result.returncode == 0, (result.stdout + result.stderr).decode()[-4_000:]
    told = json.loads(report.read_text())
    chosen = "a sample of " if SAMPLE else ""
    record(
        "The mutation score of lifecycle, journal and stores is at least 85 %",
        f"{told['score']:.1%} of {chosen}{told['mutants']:,} mutants of {len(SUBJECTS)} modules noticed",
        **told,
    )
