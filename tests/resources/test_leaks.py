"""Many jobs in one process leave nothing behind: no memory, no open file, no thread, no task."""

import json
import os
import subprocess
import sys

import pytest

from tests.reliability import FORM, counts, record

JOBS = counts(quick=300, ci=5_000, soak=200_000)
SECONDS = counts(quick=0, ci=0, soak=1_800)
GROWTH_MAX = 0.05
NOISE_BYTES = counts(quick=4 << 20, ci=1 << 20, soak=0)
"""The fewer the jobs, the more do the allocator's steps weigh."""
BAD = ("never retrieved", "was destroyed but it is pending", "ResourceWarning", "never awaited", "Traceback")


@pytest.mark.timeout(counts(quick=60, ci=300, soak=10_800))
def test_many_jobs_leave_nothing_behind(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    module = ["-X", "dev", "-W", "error", "-m", "tests.resources.leaks"]
    command = [sys.executable, *module, str(tmp_path), str(JOBS), str(SECONDS)]
    call = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert call.returncode == 0, call.stderr[-4_000:]
    assert [phrase for phrase in BAD if phrase in call.stderr] == []
    told = json.loads(call.stdout.splitlines()[-1])
    samples = told["samples"]
    first, last = samples[0], samples[-1]
    assert len(samples) > 2
    assert sum(told["ends"].values()) == JOBS
    assert told["tasks_left"] == []
    for name in ("open_files", "threads", "tasks"):
        assert first[name] == last[name], samples
    grown = last["resident_bytes"] - first["resident_bytes"]
    assert grown < first["resident_bytes"] * GROWTH_MAX + NOISE_BYTES, samples
    share = max(grown, 0) / first["resident_bytes"]
    figure = f"{JOBS:,} jobs: {share:.1%} more memory after the warm-up, no more files, threads or tasks"
    record("Leaks: memory flat, handles constant, no task at exit", figure, jobs=JOBS, share=share, form_of_run=FORM)
