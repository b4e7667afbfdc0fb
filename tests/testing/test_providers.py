"""The published provider contract passes a good provider, and catches bad ones."""

import anyio
import pytest

from kyanite.core.job import Target
from kyanite.errors import ProviderError
from kyanite.ports import Provider
from kyanite.testing.clocks import FakeClock, FakeEntropy
from kyanite.testing.providers import ProviderContract


class Echo(Provider):
    """Returns its input; `wait` until cancelled; refuses `bad`."""

    id = "acme"

    def targets(self):
        return [Target(id="acme.echo", provider_id="acme")]

    async def run(self, task):
        content = await task.read_input()
        if content == b"bad":
            raise ProviderError("InvalidInputData", "is bad")
        if content == b"wait":
            await task.wait_cancel_requested()
        await task.write_output(content)


class TestEcho(ProviderContract):
    target = "acme.echo"
    long_submission = {"input": b"wait"}
    bad_submission = {"input": b"bad"}

    def provider(self):
        return Echo()

    def check_results(self, results):
        assert results == b"input"


class Deaf(Echo):
    """Neither hears a request to cancel nor foresees bad input."""

    async def run(self, task):
        content = await task.read_input()
        if content == b"wait":
            await anyio.sleep_forever()
        if content == b"bad":
            raise KeyError("bad")
        await task.write_output(b"something else")


class DeafContract(TestEcho):
    __test__ = False
    cancel_s = 0.05

    def provider(self):
        return Deaf()


@pytest.mark.parametrize(
    "case",
    [
        "test_a_job_succeeds_and_its_output_is_there",
        "test_a_cancelled_job_ends_soon_and_the_next_one_runs",
        "test_bad_input_is_refused_with_a_clear_error",
    ],
)
async def test_a_bad_provider_is_caught(case):
    with pytest.raises((AssertionError, TimeoutError)):
        await getattr(DeafContract(), case)()


def test_a_fake_clock_moves_only_when_told_to():
    clock = FakeClock()
    start = clock.now()
    clock.advance(5)
    clock.jump(-3600)
    assert ((clock.now() - start).total_seconds(), clock.monotonic()) == (-3595, 5)


def test_fake_entropy_repeats_itself():
    first, second = FakeEntropy(3), FakeEntropy(3)
    assert [first.random() for _ in range(5)] == [second.random() for _ in range(5)]
    assert (first.job_id(), first.event_id()) == (second.job_id(), second.event_id())
