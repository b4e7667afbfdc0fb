"""The provider with the real kernels, in one warm worker for the whole file."""

import gzip
import json
import re

import anyio
import pytest
import pytest_asyncio

from kyanite.core.job import Needs
from kyanite.errors import ProviderError
from kyanite.problems import max_cut, max_sat3, number_partition, serialized, xorsat3
from kyanite_providers.local import LocalProvider
from kyanite_providers.local.parameters import TARGETS, search_s
from kyanite_providers.local.term_list import AT_ONCE_BYTES_MAX
from tests.providers.local.faketask import PT, PT_FREE, SA, SA_FREE, FakeTask, ising
from tests.providers.local.messages import archive, message
from tests.providers.local.processes import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]  # the first may compile

SEED_PROBLEM = ising((-9, 0), (-3, 1, 0), (5, 2, 0))
ENDLESS = {"sweeps": 10**9, "restarts": 1, "beta_start": 0.1, "beta_stop": 2}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider():
    async with LocalProvider(workers_max=1) as provider:
        yield provider


BY_WORK = [name for name, offer in TARGETS.items() if search_s(offer.parameters(), None) is None]


class LargeTask(FakeTask):
    async def read_input(self):
        raise AssertionError("a large input is never read whole")


async def solved(provider, content, target=SA_FREE, params=None, **more):
    task = FakeTask(
        content, target, {"seed": 1, **({} if target in BY_WORK else {"timeout": 1}), **(params or {})}, **more
    )
    await provider.inspect(task)
    assert await provider.run(task) is None
    return task


@pytest.mark.parametrize("target", TARGETS)
async def test_every_target_solves(provider, target):
    task = await solved(provider, SEED_PROBLEM, target)
    result = task.result
    assert list(result) == ["version", "configuration", "cost", "parameters", "solutions"]
    assert result["version"] == "1.0"
    assert result["cost"] == -17
    assert b'"cost":-17.0' in task.written
    assert result["configuration"] == {"0": 1, "1": 1, "2": -1}
    assert result["solutions"] == [{"configuration": result["configuration"], "cost": -17}]
    assert result["parameters"]["seed"] == 1


@pytest.mark.parametrize(
    ("problem", "best"),
    [
        (number_partition(8, bits=3, seed=3), {0, 1}),
        (xorsat3(20, seed=1), {-20}),
        (max_sat3(20, 40, seed=1), {0}),
        (ising((4,), (-1.5,)), {2.5}),
        (ising((3, 7, 7), (1, 10**15)), {2}),
        (ising((1, 1), (1, 2), (-3, 1, 2), (5, 1, 1, 2), kind="pubo"), {0}),
    ],
    ids=["number partition", "3-XORSAT", "MAX-3-SAT", "constants", "a repeated id", "pubo"],
)
async def test_every_kind_of_problem_is_solved(provider, problem, best):
    assert (await solved(provider, problem)).result["cost"] in best


async def test_gzip_and_files_are_read(provider, tmp_path):
    packed = gzip.compress(json.dumps(SEED_PROBLEM).encode())
    assert (await solved(provider, packed)).result["cost"] == -17
    assert (await solved(provider, packed, path=tmp_path / "inputData")).result["cost"] == -17


async def test_archive_of_messages_is_solved_as_the_json_is(provider):
    sent = archive(
        message((-9, 0), (-3, 1, 0), name="a problem"), message((5, 2, 0), kind=0, version=None), mode="w:gz"
    )
    task = await solved(provider, sent, SA)
    same = await solved(provider, SEED_PROBLEM, SA)
    assert task.result["cost"] == -17
    assert task.written == same.written


async def test_long_problem_is_scanned_and_solved(provider, tmp_path):
    term = b'{"c":1,"ids":[0,1]}'
    terms = b",".join([term] * (2 * AT_ONCE_BYTES_MAX // len(term)))
    sent = b'{"cost_function":{"version":"1.0","type":"ising","terms":[%b]}}' % terms
    task = await solved(provider, gzip.compress(sent), SA, {"sweeps": 2, "restarts": 1}, path=tmp_path / "inputData")
    assert task.result["cost"] == -terms.count(term)


async def test_large_input_without_a_file_is_streamed(provider):
    content = json.dumps(SEED_PROBLEM | {"pad": "x" * (2 << 20)}).encode()
    task = LargeTask(content, SA, {"sweeps": 10})
    await provider.inspect(task)
    await provider.run(task)
    assert task.result["cost"] == -17


async def test_configuration_has_the_ids_as_sent_in_numeric_order(provider):
    task = await solved(provider, ising((1, 100), (1, 9), (-1, 2**63 - 1, 20)))
    assert re.findall(r'"(\d+)":-?1', task.written.decode().split('"cost"')[0]) == ["9", "20", "100", str(2**63 - 1)]


async def test_solutions_are_as_many_as_asked_and_best_first(provider):
    params = {"sweeps": 5, "restarts": 30, "number_of_solutions": 4}
    result = (await solved(provider, max_cut(40, degree=3, seed=2), SA, params)).result
    costs = [solution["cost"] for solution in result["solutions"]]
    assert 1 < len(costs) <= 4
    assert costs == sorted(costs)
    assert result["cost"] == costs[0]


async def test_seed_repeats_the_run_and_the_answer_tells_how(provider):
    problem = max_cut(60, degree=3, seed=5)
    first = (await solved(provider, problem, SA, {"sweeps": 20})).result
    again = (await solved(provider, problem, SA, first["parameters"])).result
    assert again == first


async def test_initial_configuration_is_the_start(provider):
    problem = ising((1, 0, 1), (1, 1, 2), initial_configuration={"0": 1, "1": -1, "2": 1})
    params = {"sweeps": 1, "restarts": 1, "beta_start": 1e6, "beta_stop": 2e6}
    assert (await solved(provider, problem, SA, params)).result["configuration"] == {"0": 1, "1": -1, "2": 1}


async def test_long_output_passes_through_a_file_that_is_removed(provider):
    problem = ising(*((1, k, k + 1) for k in range(5000)))
    task = await solved(provider, problem, SA, {"sweeps": 2, "restarts": 1})
    assert len(task.written) > 1 << 16
    assert len(task.result["configuration"]) == 5001
    assert [path.name for path in provider._scratch.path.iterdir()] == ["owner.lock"]


async def test_inspection_says_what_a_job_needs(provider):
    small = await provider.inspect(FakeTask(SEED_PROBLEM))
    large = await provider.inspect(FakeTask(max_cut(3000, degree=4)))
    assert isinstance(small, Needs)
    assert (small.cores, large.cores) == (1, provider._cores_per_job)
    assert 0 < small.memory_bytes < large.memory_bytes


@pytest.mark.parametrize(
    ("task", "field"),
    [
        (lambda: FakeTask(b"{}"), "cost_function"),
        (lambda: FakeTask(ising(("1", 0))), "cost_function.terms[0].c"),
        (lambda: FakeTask(SEED_PROBLEM, params={"sweps": 1}), "params.sweps"),
        (lambda: FakeTask(SEED_PROBLEM, SA_FREE, {"timeout": 9}, timeout_s=9.0), "params.timeout"),
        (lambda: FakeTask(SEED_PROBLEM, input_data_format="qir.v1"), "input_data_format"),
    ],
)
async def test_fault_is_refused_at_inspection_and_again_at_the_run(provider, task, field):
    for step in (provider.inspect, provider.run):
        with pytest.raises(ProviderError) as caught:
            await step(task())
        assert caught.value.error.target == field
    assert (await solved(provider, SEED_PROBLEM)).result["cost"] == -17


async def test_bomb_is_refused_and_the_provider_goes_on():
    bomb = gzip.compress(bytes(32 << 20))
    async with LocalProvider(workers_max=1, inflated_max_bytes=1 << 20) as provider:
        with pytest.raises(ProviderError, match="larger than 1048576 bytes"):
            await provider.inspect(FakeTask(bomb))
        assert (await provider.inspect(FakeTask(SEED_PROBLEM))).cores == 1


async def test_progress_rises_and_is_told_only_when_it_changes(provider):
    task = FakeTask(max_cut(200, degree=3, seed=1), SA_FREE, {"timeout": 1, "seed": 2})
    await provider.run(task)
    fractions = [fraction for fraction, _ in task.seen]
    assert fractions == sorted(set(fractions))
    for fraction, values in task.seen:
        assert 0 <= fraction <= 1
        assert set(values) == {"sweep", "best_cost"}
        assert values["best_cost"] >= task.result["cost"]


@pytest.mark.parametrize("target", TARGETS)
async def test_how_the_search_converged_is_noted(provider, target):
    task = await solved(provider, max_cut(400, degree=3, seed=1), target)
    points = task.noted["convergence"]
    assert 1 <= len(points) <= 64
    assert [cost for *_, cost in points] == sorted({cost for *_, cost in points}, reverse=True)
    assert points[-1][2] == task.result["cost"]
    assert [seconds for seconds, *_ in points] == sorted(seconds for seconds, *_ in points)
    assert 0 <= points[0][0] <= points[-1][0] <= task.noted["search_s"]
    assert [sweeps for _, sweeps, _ in points] == sorted(sweeps for _, sweeps, _ in points)
    assert points[-1][1] <= task.noted["sweeps"]
    assert len(json.dumps(task.noted)) < 2048


@pytest.mark.parametrize("target", [SA, PT])
async def test_cancel_stops_the_run_and_keeps_the_best(provider, target):
    params = ENDLESS if target == SA else {"sweeps": 10**9}
    task = FakeTask(max_cut(500, degree=4, seed=1), target, params)
    async with anyio.create_task_group() as group:
        group.start_soon(provider.run, task)
        await task.progressed.wait()
        before = provider.worker_pids
        task.cancelled.set()
        began_s = anyio.current_time()
    assert anyio.current_time() - began_s < 2
    assert task.result["cost"] < 0
    assert task.noted["convergence"][-1][2] == task.result["cost"]
    assert provider.worker_pids == before


async def test_cancel_before_a_worker_is_free_writes_nothing(provider):
    running = FakeTask(max_cut(100, degree=3), SA, ENDLESS)
    waiting = FakeTask(SEED_PROBLEM)
    async with anyio.create_task_group() as group:
        group.start_soon(provider.run, running)
        await running.progressed.wait()
        async with anyio.create_task_group() as inner:
            inner.start_soon(provider.run, waiting)
            await until(lambda: len(provider._solvers._waiters) == 1)
            waiting.cancelled.set()
        assert waiting.written == b""
        running.cancelled.set()
    assert running.written != b""


async def test_cancelling_the_coroutine_kills_the_worker_and_the_next_job_gets_another(provider):
    task = FakeTask(max_cut(100, degree=3), SA, ENDLESS)
    async with anyio.create_task_group() as group:
        group.start_soon(provider.run, task)
        await task.progressed.wait()
        before = provider.worker_pids
        group.cancel_scope.cancel()
    assert task.written == b""
    assert (await solved(provider, SEED_PROBLEM)).result["cost"] == -17
    assert provider.worker_pids != before


async def test_targets_say_what_they_take(provider):
    targets = provider.targets()
    assert [target.id for target in targets] == list(TARGETS)
    for target in targets:
        assert target.inspects
        assert target.slots == 1
        assert target.needs.cores == provider._cores_per_job
        assert target.provider_id == target.id.partition(".")[0]
        assert target.description
        assert target.input_data_format == "microsoft.qio.v2"
        assert target.output_data_format == "microsoft.qio-results.v2"


@pytest.mark.parametrize("given", [{"workers_max": 0}, {"inflated_max_bytes": 0}, {"cores_per_job": 0}])
async def test_limits_below_one_are_refused(given):
    with pytest.raises(ValueError, match="at least 1"):
        LocalProvider(**given)


async def test_same_bytes_are_parsed_once(provider):
    content = serialized(max_cut(60, degree=3, seed=9))
    first = (await solved(provider, content, SA, {"sweeps": 20})).result
    again = (await solved(provider, content, SA, {"sweeps": 20})).result
    other = (await solved(provider, SEED_PROBLEM, PT_FREE)).result
    assert first == again
    assert other["cost"] == -17


async def test_its_gauges_tell_of_its_workers(provider):
    await provider.ping()
    assert provider.gauges() == {"workers": 1, "workers_busy": 0}
    async with provider._solvers.worker():
        assert provider.gauges() == {"workers": 1, "workers_busy": 1}
