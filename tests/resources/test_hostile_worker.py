"""Workers that go wrong in every way there is: their job ends with a code that says so, and all others go on."""

import math
import os
import resource
import sys
from pathlib import Path

import pytest

from kyanite import Status, Workspace
from kyanite.blobs.memory import MemoryBlobs
from kyanite.errors import ProviderError, RetryableError
from kyanite.problems import max_cut
from kyanite.stores.memory import MemoryStore
from kyanite_providers.local import LocalProvider, process
from kyanite_providers.local import provider as provider_module
from kyanite_providers.local.provider import MEMORY_MIN_BYTES
from tests.providers.local.faketask import SA, FakeTask, ising
from tests.providers.local.processes import children, open_files
from tests.reliability import counts, record
from tests.resources.hostile_worker import SEEDS
from tests.runtime.places import executing, settings

pytestmark = pytest.mark.timeout(counts(quick=180, ci=300, soak=7_200))

MIB = 1 << 20
PROBLEM = ising((-9, 0), (-3, 1, 0), (5, 2, 0))
CODES = {
    "segfault": {"WorkerDied"},
    "exit": {"WorkerDied"},
    "babble": {"WorkerDied"},
    "long frame": {"WorkerDied"},
    "short frame": {"WorkerDied"},
    "two answers": {"WorkerDied"},
    "another answer": {"ProviderFault"},
    "raise": {"ProviderFault"},
    "out of memory": {"InsufficientMemory"},
    "no file": {"ProviderFault"},
    "mad figures": {"ProviderFault"},
    "infinite curve": {"ProviderFault"},
}
"""How each job fails; those of the other ways succeed."""
ENDLESS = {"no answer"}
DEADLY = [way for way, codes in CODES.items() if codes == {"WorkerDied"}]
CHOSEN = [way for way in SEEDS if way not in counts(quick=DEADLY[2:], ci=[], soak=[])]
"""A new worker takes seconds: few are killed where time is short."""


@pytest.fixture(autouse=True)
def hostile(monkeypatch):
    """Have workers started that go wrong at their seeds."""
    honest = process.worker_command

    def command(connection_fd, control_fd):
        words = honest(connection_fd, control_fd)
        return [*words[: words.index("-m") + 1], "tests.resources.hostile_worker", *words[-3:]]

    monkeypatch.setattr(process, "worker_command", command)
    monkeypatch.setattr(provider_module, "STOP_GRACE_S", 0.2)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def workspace_of(provider):
    return Workspace(
        store=MemoryStore(),
        blobs=MemoryBlobs(),
        providers=[provider],
        settings=settings(cores=2, progress_interval_s=0.0, cancel_grace_s=5.0),
    )


def allow_no_more(pid, room_bytes):
    """Limit a process to the address space that it has, and so much more."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + room_bytes
    resource.prlimit(pid, resource.RLIMIT_AS, (most, most))


def oom_score(pid):
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


async def submitted(workspace, seed, **more):
    params = {"params": {"seed": seed, "sweeps": 20, "restarts": 1}}
    return await workspace.submit(SA, PROBLEM, input_params=params, name=str(seed), **more)


def is_sane(progress):
    fraction, values = progress.fraction, progress.values
    return 0 <= fraction <= 1 and math.isfinite(values["best_cost"]) and 0 <= values["sweep"] < 2**63


async def test_one_job_fails_with_a_code_and_the_others_go_on():
    rounds = counts(quick=1, ci=3, soak=100)
    files, before = open_files(), children()
    async with workspace_of(LocalProvider(workers_max=2)) as workspace:
        for _ in range(rounds):
            jobs = await ended(workspace)
            for way in CHOSEN:
                expect(way, jobs[way].details)
                beside = jobs[f"beside {way}"]
                assert beside.details.status is Status.SUCCEEDED, (way, beside.details.error_data)
                assert (await beside.read_results())["cost"] == -17.0
    assert children() == before
    assert open_files() == files
    wild = rounds * len(CHOSEN)
    figure = f"{wild} workers gone wrong in {len(CHOSEN)} ways, {wild} jobs beside them unharmed"
    record("Resources: a wild worker fails one job, with a code", figure, wild=wild)


async def ended(workspace):
    """Let a job meet each of the ways, and a job beside it; return them when all have ended."""
    jobs = {}
    for way in CHOSEN:
        jobs[way] = await submitted(workspace, SEEDS[way])
        jobs[f"beside {way}"] = await submitted(workspace, SEEDS[way] - 100_000)
    for way in ENDLESS:
        await executing(jobs[way])
        await jobs[way].cancel("it does not end")
    for job in jobs.values():
        await job.wait(60)
    return jobs


def expect(way, details):
    """How the job has ended is what befits the way."""
    if way in ENDLESS:
        assert details.status is Status.CANCELLED, way
    elif way in CODES:
        assert details.status is Status.FAILED, way
        assert details.error_data.code in CODES[way], (way, details.error_data)
        assert details.error_data.message
    else:
        assert details.status is Status.SUCCEEDED, (way, details.error_data)


async def test_users_see_sane_progress_of_a_mad_block():
    seen = []
    async with workspace_of(LocalProvider(workers_max=1)) as workspace:
        job = await submitted(workspace, SEEDS["mad block"])
        async for update in job.updates():
            seen.append(update)
    assert type(seen[-1]).__name__ == "Succeeded"
    assert all(is_sane(update) for update in seen if type(update).__name__ == "Progressed")


async def test_progress_of_a_mad_block_is_sane_or_not_shown():
    async with LocalProvider(workers_max=1) as provider:
        task = FakeTask(PROBLEM, SA, {"seed": SEEDS["mad block"]})
        await provider.run(task)
    for fraction, values in task.seen:
        assert 0 <= fraction <= 1
        assert math.isfinite(values["best_cost"])
        assert 0 <= values["sweep"] < 2**63


async def test_a_worker_at_the_limit_of_its_memory_refuses_that_job_alone():
    async with LocalProvider(workers_max=1) as provider:
        await provider.run(FakeTask(PROBLEM, SA, {"seed": 1, "sweeps": 5}))
        (pid,) = provider.worker_pids
        # Room for the stack of a thread and a small problem.
        allow_no_more(pid, 16 * MIB)
        large = FakeTask(max_cut(100_000, degree=16), SA, {"seed": 2, "sweeps": 5})
        with pytest.raises(Exception, match=r"InsufficientMemory|WorkerDied") as refused:
            await provider.run(large)
        code = refused.value.error.code
        assert code == "InsufficientMemory" or isinstance(refused.value, RetryableError)
        after = FakeTask(PROBLEM, SA, {"seed": 3, "sweeps": 5})
        await provider.run(after)
        assert after.result["cost"] == -17.0
        assert code != "InsufficientMemory" or provider.worker_pids == [pid], "it goes on with its kernels"


async def test_a_worker_takes_no_more_memory_than_it_is_allowed():
    async with LocalProvider(workers_max=1, worker_memory_max_bytes=MEMORY_MIN_BYTES) as provider:
        with pytest.raises(ProviderError) as refused:
            await provider.run(FakeTask(PROBLEM, SA, {"seed": SEEDS["glutton"]}))
        assert refused.value.error.code == "InsufficientMemory"
        after = FakeTask(PROBLEM, SA, {"seed": 3, "sweeps": 5})
        await provider.run(after)
        assert after.result["cost"] == -17.0
        (pid,) = provider.worker_pids
        assert resource.prlimit(pid, resource.RLIMIT_DATA) == (MEMORY_MIN_BYTES, MEMORY_MIN_BYTES)
        assert sys.platform != "linux" or oom_score(pid) == 1000, "the system ends it before its parent"


def test_less_memory_than_a_worker_needs_is_refused():
    with pytest.raises(ValueError, match="worker_memory_max_bytes"):
        LocalProvider(worker_memory_max_bytes=MEMORY_MIN_BYTES - 1)
