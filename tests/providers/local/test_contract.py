"""The local provider behind the real runtime: the published contract, and what only the two together can show."""

import gzip
import json

import pytest

from kyanite import JobFailed, Status, Workspace
from kyanite.blobs.memory import MemoryBlobs
from kyanite.config import Settings
from kyanite.errors import InvalidRequest
from kyanite.problems import max_cut
from kyanite.stores.memory import MemoryStore
from kyanite.testing.providers import ProviderContract
from kyanite_providers.local import LocalProvider

SMALL = max_cut(20, degree=3, seed=1)
LARGE = max_cut(400, degree=6, seed=1)
ANNEALING = "microsoft.simulatedannealing.cpu"


class TestLocalProvider(ProviderContract):
    target = ANNEALING
    submission = {"input": SMALL, "input_params": {"params": {"sweeps": 50, "restarts": 2, "seed": 1}}}
    long_submission = {"input": LARGE, "input_params": {"params": {"sweeps": 100_000_000}}}
    bad_submission = {
        "input": {"cost_function": {"version": "1.0", "type": "ising", "terms": [{"c": "1", "ids": [0]}]}}
    }

    def provider(self):
        return LocalProvider(workers_max=2)

    def check_results(self, results):
        assert set(results) >= {"version", "configuration", "cost", "parameters", "solutions"}
        assert results["cost"] == results["solutions"][0]["cost"] <= -20


async def test_bad_input_fails_while_it_waits_and_names_the_field(tmp_path):
    async with Workspace.open(data_dir=tmp_path) as workspace:
        for content, named in (
            (TestLocalProvider.bad_submission["input"], "cost_function.terms[0].c"),
            (b"{", "AZQ105"),
            ({"cost_function": {"version": "1.0", "type": "ising", "terms": []}}, "terms"),
            (
                b'{"cost_function": {"version": "1.0", "type": "ising", "terms": [{"c": NaN, "ids": [0]}]}}',
                "NaN is not a finite number",
            ),
            ({"cost_function": {"version": "1.0", "type": "ising", "terms": [{"c": 1, "ids": [-1]}]}}, "ids"),
            (gzip.compress(bytes(50_000_000)), "AZQ"),
        ):
            job = await (await workspace.submit(ANNEALING, content)).wait(30)
            assert [type(event).__name__ for event in await job.story()] == ["Submitted", "Failed"]
            assert named in job.details.error_data.message
        job = await workspace.submit(ANNEALING, SMALL, input_params={"params": {"sweepz": 1}})
        with pytest.raises(JobFailed, match="did you mean sweeps"):
            await job.get_results(30)
        good = await workspace.submit(ANNEALING, gzip.compress(json.dumps(SMALL).encode()), input_params={})
        assert (await good.get_results(60))["cost"] <= -20


async def test_kernels_are_ready_before_a_job_begins_and_its_time_runs(tmp_path):
    provider = LocalProvider(workers_max=1)
    async with Workspace(
        store=MemoryStore(), blobs=MemoryBlobs(), providers=[provider], settings=Settings(data_dir=str(tmp_path))
    ) as workspace:
        assert provider.worker_pids == []
        job = await workspace.submit(ANNEALING, SMALL, input_params={"params": {"sweeps": 1}}, timeout_s=0.5)
        async for event in job.updates():
            if type(event).__name__ == "Inspected":
                assert len(provider.worker_pids) == 1
                await provider.ping()
        assert (await job.refresh()).details.status is Status.SUCCEEDED


async def test_a_search_that_the_time_limit_would_cut_short_is_refused_at_submit(tmp_path):
    async with Workspace.open(data_dir=tmp_path) as workspace:
        with pytest.raises(InvalidRequest, match=r"params\.timeout"):
            await workspace.submit(ANNEALING, SMALL, input_params={"params": {"timeout": 10}}, timeout_s=10)
        assert await workspace.count_jobs() == 0


async def test_a_worker_that_is_killed_takes_only_its_own_job_along(tmp_path):
    import os
    import signal

    provider = LocalProvider(workers_max=2)
    workspace = Workspace.open(data_dir=tmp_path)
    async with Workspace(
        store=workspace.host.storage.store,
        blobs=workspace.host.storage.blobs,
        providers=[provider],
        settings=workspace.settings,
    ) as workspace:
        victim = await workspace.submit(ANNEALING, LARGE, input_params={"params": {"sweeps": 100_000_000}})
        async for update in victim.updates():
            if type(update).__name__ == "Progressed":
                break
        (pid,) = provider.worker_pids
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(JobFailed, match="WorkerDied"):
            await victim.get_results(30)
        after = await workspace.submit(ANNEALING, SMALL, input_params={"params": {"seed": 3}})
        assert (await after.get_results(60))["cost"] <= -20
        retried = await workspace.submit(
            ANNEALING, LARGE, input_params={"params": {"sweeps": 100_000_000}}, attempts_max=2
        )
        async for update in retried.updates():
            if type(update).__name__ == "Progressed":
                break
        for pid in provider.worker_pids:
            os.kill(pid, signal.SIGSEGV)
        async for update in retried.updates():
            if type(update).__name__ == "Progressed" and retried.progress is not None:
                story = [type(event).__name__ for event in await retried.story()]
                if story.count("Began") == 2:
                    break
        await retried.cancel()
        assert retried.details.status is Status.CANCELLED
        assert "RetryScheduled" in str(await retried.story())
