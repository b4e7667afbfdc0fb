"""Traces: what the header may be, and what of a job carries it."""

from contextvars import copy_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.core.events import Cancelled, CancelRequested
from kyanite.core.job import Needs, Target
from kyanite.ports import Provider
from kyanite.runtime.trace import TRACEPARENT, Traceparent, parsed
from tests.runtime.places import in_memory, with_echo

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ONE = f"00-{TRACE}-{SPAN}-01"
OTHER = f"00-{TRACE[::-1]}-{SPAN[::-1]}-00"


class Inspecting(Provider):
    """Looks at each input first."""

    id = "acme"

    def __init__(self, targets):
        self._targets = targets

    def targets(self):
        return self._targets

    async def inspect(self, task):
        await task.read_input()
        return Needs(cores=1)

    async def run(self, task):
        await task.write_output(await task.read_input())


@pytest.mark.parametrize(
    ("header", "flags"),
    [
        (ONE, 1),
        (f"00-{TRACE}-{SPAN}-00", 0),
        (f"00-{TRACE}-{SPAN}-03", 3),
        (f"01-{TRACE}-{SPAN}-01", 1),
        (f"cc-{TRACE}-{SPAN}-ff", 1),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", 1),
        (f"01-{TRACE}-{SPAN}-00-", 0),
    ],
)
def test_valid(header, flags):
    trace = parsed(header)
    assert trace == (TRACE, SPAN, flags)
    assert trace.sampled == bool(flags & 1)
    assert parsed(str(trace)) == trace
    assert str(trace).startswith("00-")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "garbage",
        ONE.upper(),
        ONE + " ",
        " " + ONE,
        ONE + "\n",
        ONE[:-1],
        ONE + "0",
        ONE + "-",
        f"{ONE}-what-the-future-will-not-be-like",
        f"{ONE},{ONE}",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN[1:]}-01",
        f"00-{TRACE}x-{SPAN}-01",
        f"00-{'g' * 32}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0x",
        f"00-{TRACE}-{SPAN}-1",
        f"00_{TRACE}_{SPAN}_01",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"cc-{TRACE}-{SPAN}-01-\x00",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 1_000}",
        "00-" + "\uff11" * 32 + f"-{SPAN}-01",
    ],
)
def test_invalid(header):
    assert parsed(header) is None


@given(st.text(alphabet="0123456789abcdefAF-", max_size=64))
def test_what_is_valid_is_kept_as_it_is(text):
    trace = parsed(text)
    assert trace is None or str(trace)[2:52] == text[2:52]


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.integers(0, 255))
def test_text_and_back(trace_id, span_id, flags):
    trace = Traceparent(f"{trace_id:032x}", f"{span_id:016x}", flags)
    assert parsed(str(trace)) == trace


async def test_a_job_and_each_of_its_events_carry_the_trace_of_its_submit():
    async with with_echo(in_memory()) as workspace:
        TRACEPARENT.set(ONE)
        job = await workspace.submit("acme.echo", "x")
        TRACEPARENT.set(None)
        await job.wait()
        assert job.details.traceparent == ONE
        story = await job.story()
        assert {event.traceparent for event in story} == {ONE}
        assert story[0].details.traceparent == ONE
        bare = await workspace.submit("acme.echo", "x")
        await bare.wait()
        assert [bare.details.traceparent, *[event.traceparent for event in await bare.story()]] == [None] * 4


async def test_a_cancel_carries_its_own():
    async with in_memory() as workspace:

        @workspace.target("acme.held")
        async def held(task):
            await task.wait_cancel_requested()

        TRACEPARENT.set(ONE)
        job = await workspace.submit("acme.held", "x")
        async for event in job.updates():
            if type(event).__name__ == "Began":
                break
        TRACEPARENT.set(OTHER)
        await job.cancel()
        traces = {type(event): event.traceparent for event in await job.story()}
        assert traces.pop(CancelRequested) == OTHER
        assert traces.pop(Cancelled) == ONE
        assert set(traces.values()) == {ONE}
        assert job.details.traceparent == ONE


async def test_what_wakes_the_dispatcher_lends_no_trace_to_other_jobs():
    target = Target(id="acme.looked-at", provider_id="acme", slots=2, inspects=True)
    async with in_memory(providers=[Inspecting([target])]) as workspace:
        engine = workspace.host.engine
        other = copy_context()
        other.run(TRACEPARENT.set, OTHER)
        engine.journal.listeners.insert(0, lambda _change: other.run(engine.dispatcher._decide_soon))
        for trace in (ONE, None):
            TRACEPARENT.set(trace)
            job = await workspace.submit(target.id, "x")
            await job.wait()
            found = [(type(event).__name__, event.traceparent) for event in await job.story()]
            assert found == [(name, trace) for name in ("Submitted", "Inspected", "Began", "Succeeded")]


async def test_what_a_target_submits_is_part_of_its_jobs_trace():
    async with with_echo(in_memory()) as workspace:
        inner = []

        @workspace.target("acme.outer")
        async def outer(task):
            inner.append(await workspace.submit("acme.echo", "x"))

        for trace in (ONE, OTHER, None):
            TRACEPARENT.set(trace)
            job = await workspace.submit("acme.outer", "x")
            TRACEPARENT.set(None)
            await job.wait()
        assert [job.details.traceparent for job in inner] == [ONE, OTHER, None]
