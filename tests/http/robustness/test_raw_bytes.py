"""Whatever bytes a connection brings: refused or closed, nobody else notices, and nothing of it stays."""

import asyncio
import re
from random import Random

import pytest

from tests.http.robustness.healthy import healthy
from tests.http.robustness.native_requests import native_samples, streams
from tests.http.robustness.places import daemon, exchanged
from tests.http.robustness.requests import CANARY, malformed, request, samples
from tests.reliability import counts, record

INPUTS = counts(quick=300, ci=6_000, soak=200_000)
AT_ONCE = 40
WAIT_S = 0.15
HEARTBEAT_S = 0.5
"""With requests waiting behind a stream, nothing is read, and only what is written tells that the client has gone."""
GROWTH_BYTES_MAX = 48 << 20

_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
_LOGGED = re.compile(rb'"status": ([0-9]{3}),')


@pytest.mark.timeout(counts(quick=60, ci=240, soak=7_200))
async def test_whatever_comes_is_refused_or_closed(tmp_path):
    random = Random("raw bytes")
    with daemon(tmp_path, heartbeat_s=HEARTBEAT_S) as running:
        assert running.ask(running.link("c", "there"), "PUT", b"content", x_ms_blob_type="BlockBlob")[0] == 201
        foreign = samples((running.link("c", "new"), running.link("c", "there"), running.link("c")))
        valid = (*foreign, *native_samples(), *streams())
        statuses = await sent(running, valid, random, INPUTS // 20)  # what grows once, grows here
        before, tasks, resident = running.descriptors(), running.tasks(), running.resident_bytes()
        async with healthy(running.address) as other:
            statuses |= await sent(running, valid, random, INPUTS)
        running.check_at_rest(before, tasks)
        assert running.resident_bytes() - resident < GROWTH_BYTES_MAX
        log = running.logged()
        answered = statuses | set(map(int, _LOGGED.findall(log)))  # not every client has waited for its answer
        assert CANARY.encode() not in log
        for link in foreign:
            for signature in re.findall(rb"sig=([\w-]+)", link):
                assert signature not in log
    assert {status for status in answered if status >= 500} == set()
    assert {200, 201, 400, 403, 404, 409, 422} <= statuses
    assert 405 in statuses or INPUTS < 1_000
    figure = (
        f"{INPUTS:,} malformed requests to a daemon: refused or closed, none answered 5xx, nothing left open; "
        f"beside them, {len(other.ended):,} jobs and a stream of another client as ever"
    )
    record("Resources: no descriptors left", figure, inputs=INPUTS)


def statuses_in(told):
    """The statuses of answers, one after the other."""
    return list(map(int, _STATUS.findall(told)))


async def sent(running, valid, random, count):
    """Send so many inputs, many at a time; return the statuses that were answered."""
    contents = [malformed(valid, random) for _ in range(count)]
    ways = [(random.choice((1, 1, 2, 9)), random.random() < 0.5) for _ in contents]
    statuses, turn = set(), asyncio.Semaphore(AT_ONCE)

    async def one(content, pieces, reset):
        async with turn:
            told = await exchanged(running.host, running.port, content, wait_s=WAIT_S, pieces=pieces, reset=reset)
        found = set(statuses_in(told))
        assert not any(status >= 500 for status in found), (content, told)
        assert CANARY.encode() not in told, (content, told)
        statuses.update(found)

    async with asyncio.TaskGroup() as group:
        for content, (pieces, reset) in zip(contents, ways, strict=True):
            group.create_task(one(content, pieces, reset))
    return statuses


def test_requests_that_are_sound_are_answered(tmp_path):
    """What is changed must be valid before, or the changes prove little."""
    with daemon(tmp_path) as running:
        running.ask(running.link("c", "there"), "PUT", b"content", x_ms_blob_type="BlockBlob")
        links = running.link("c", "new"), running.link("c", "there"), running.link("c")
        both = b"".join(samples(links)) + request(b"GET", b"/healthz", b"", b"Connection: close")
        told = asyncio.run(exchanged(running.host, running.port, both, wait_s=20))
    assert statuses_in(told) == [200, 400, 404, 200, 201, 201, 100, 409, 409, 400, 409, 409, 206, 200, 404, 200]
