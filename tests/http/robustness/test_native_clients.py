"""Clients of the native API that are slow, silent, endless, or gone: others do not notice, and nothing stays."""

import asyncio
import json
import socket
from contextlib import ExitStack
from random import Random

import pytest

from tests.http.robustness.healthy import healthy
from tests.http.robustness.native_requests import JOB, STATUSES, native_samples, streams
from tests.http.robustness.places import RESET, daemon, exchanged
from tests.http.robustness.requests import chunked, request
from tests.http.robustness.test_raw_bytes import HEARTBEAT_S, statuses_in
from tests.http.robustness.test_slow_clients import PATIENCE_S, begun, closed
from tests.reliability import counts

STALLED = counts(quick=60, ci=300, soak=3_000)
ABORTED = counts(quick=120, ci=600, soak=20_000)
LARGE_JOBS = 30
LARGE = "x" * 60_000
STREAM_BYTES_MAX = 128 << 10
"""What a stream that nobody reads may cost: twice what may wait in the process for it, and what it is made of."""


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A daemon that waits as long as daemons do."""
    with daemon(tmp_path_factory.mktemp("patient"), heartbeat_s=HEARTBEAT_S) as running:
        warm(running)
        yield running


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """One that does not wait."""
    with daemon(tmp_path_factory.mktemp("hasty"), request_patience_s=PATIENCE_S, heartbeat_s=HEARTBEAT_S) as running:
        warm(running)
        yield running


def warm(running):
    """Have everything made that is made once: what is there afterwards is what was left."""
    for path in ("/v1/events?after=0&follow=false", "/v1/jobs"):
        assert running.ask(path)[0] == 200
    assert running.ask("/v1/jobs", "POST", JOB, Prefer="wait=9")[0] == 201


def streams_open(running):
    return json.loads(running.ask("/v1/usage")[1])["event_streams"]


async def all_of(calls):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]


def test_requests_that_are_sound_are_answered(tmp_path):
    """What is changed must be valid before, or the changes prove little."""
    with daemon(tmp_path) as running:
        content = b"".join((*native_samples(), request(b"GET", b"/healthz", b"", b"Connection: close")))
        told = asyncio.run(exchanged(running.host, running.port, content, wait_s=20))
        assert statuses_in(told) == [*STATUSES, 200]
        for stream in streams()[:2]:
            told = asyncio.run(exchanged(running.host, running.port, stream, wait_s=0.3))
            assert statuses_in(told) == [200]
            assert b"event: Ready" in told


@pytest.mark.parametrize("drip", [b"", b" "], ids=["silent", "slow"])
async def test_a_body_that_never_comes(hasty, drip):
    before, tasks = hasty.descriptors(), hasty.tasks()
    begins = (
        begun(b"POST", b"/v1/jobs"),
        begun(b"PATCH", b"/v1/jobs/n-1"),
        begun(b"POST", b"/v1/jobs/n-1/cancel"),
        begun(b"PUT", b"/v1/jobs/n-2/input"),
        begun(b"PUT", b"/v1/jobs/n-1/attachments/a"),
        begun(b"PUT", b"/v1/blobs/n/never"),
        begun(b"PUT", b"/v1/cursors/mine"),
        begun(b"POST", b"/v1/sessions"),
    )
    async with healthy(hasty.address):
        told = await all_of(closed(hasty.host, hasty.port, begin, drip) for begin in begins)
    assert [statuses_in(answer) for answer in told] == [[408]] * len(begins)
    assert all(b"application/problem+json" in answer for answer in told)
    hasty.check_at_rest(before, tasks)
    assert hasty.ask("/v1/blobs/n/never")[0] == 404
    assert not list(hasty.folder.glob("data/blobs/tmp/*"))


async def test_a_body_without_end_is_ended(patient):
    before, tasks, resident = patient.descriptors(), patient.tasks(), patient.resident_bytes()
    endless = chunked(bytes(1 << 20))[: -len(b"0\r\n\r\n")] * 48
    heads = [(b"POST", b"/v1/jobs"), (b"PUT", b"/v1/cursors/mine"), (b"PATCH", b"/v1/jobs/n-1")]
    async with healthy(patient.address):
        calls = (
            exchanged(
                patient.host,
                patient.port,
                request(method, path, b"", b"Transfer-Encoding: chunked") + endless,
                wait_s=8,
                pieces=48,
            )
            for method, path in heads
        )
        told = await all_of(calls)
    assert [statuses_in(answer) for answer in told] == [[413]] * len(heads)
    patient.check_at_rest(before, tasks)
    assert patient.resident_bytes() - resident < 48 << 20


@pytest.mark.timeout(counts(quick=60, ci=120, soak=1_200))
async def test_streams_that_nobody_reads_hold_nobody_up(patient):
    async with healthy(patient.address):
        await large_jobs(patient)
    before, tasks, resident = patient.descriptors(), patient.tasks(), patient.resident_bytes()
    with ExitStack() as stack:
        for number in range(STALLED):
            client = stack.enter_context(stalled(patient))
            client.sendall(streams()[number % 2])
        patient.until(lambda: streams_open(patient) == STALLED, "not all are open")
        async with healthy(patient.address) as other:
            await large_jobs(patient)
        assert other.ended
        assert streams_open(patient) == STALLED
        assert (patient.resident_bytes() - resident) / STALLED < STREAM_BYTES_MAX + (16 << 20) / STALLED
    patient.check_at_rest(before, tasks)


async def test_streams_that_break_off_leave_nothing(patient):
    random = Random("broken streams")
    before, tasks = patient.descriptors(), patient.tasks()
    async with healthy(patient.address):
        for number in range(ABORTED):
            sent = random.choice(streams()) + random.choice((b"", b"", b"GET / HTTP/1.1\r\n", b"\0\xff" * 50))
            with socket.create_connection((patient.host, patient.port)) as client:
                client.sendall(sent[: random.randrange(len(sent) + 1)])
                if number % 3 == 0:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                await asyncio.sleep(0)
    patient.check_at_rest(before, tasks)


async def test_what_is_sent_on_a_stream_is_not_kept(patient):
    before, tasks, resident = patient.descriptors(), patient.tasks(), patient.resident_bytes()
    more = request(b"GET", b"/healthz") * 2_000
    with socket.create_connection((patient.host, patient.port)) as client:
        client.settimeout(0.5)
        client.sendall(streams()[0])
        with pytest.raises(TimeoutError):
            for _ in range(200):
                client.sendall(more)
        async with healthy(patient.address):
            pass
        assert patient.resident_bytes() - resident < 16 << 20
    patient.check_at_rest(before, tasks)


def stalled(running):
    """A connection that takes hardly anything until it is read from."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect((running.host, running.port))
    return client


async def large_jobs(running):
    """Submit jobs whose events fill what stands between the daemon and a client that does not read."""
    for _ in range(LARGE_JOBS):
        body = {"target": "acme.echo", "input": "ab", "input_params": {"large": LARGE}, "tags": ["a"]}
        status, told = await asyncio.to_thread(running.ask, "/v1/jobs", "POST", json.dumps(body).encode())
        assert status == 201, told
