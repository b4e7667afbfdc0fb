"""What a subscriber of a connected workspace has the daemon keep: as many requests as its bounds ask for."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest

from kyanite.client.subscriber_log import SubscriberLog
from kyanite.core.events import FINAL_EVENTS
from kyanite.core.letters import Attempt, Letter
from kyanite.errors import StoreUnavailable
from kyanite.http.application import BODY_BYTES_MAX
from kyanite.http.native.bodies import SubscriberProgress
from kyanite.ports import ATTEMPTS_KEPT, Cursor, Settlement, Subscription
from kyanite.runtime.account import TEXT_MAX
from tests.client.fake import faked, json, refused

NAME = "team/billing"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CURSOR = "/v1/cursors/billing"


def letters(count, error="no"):
    return tuple(
        Letter(
            subscriber=NAME,
            position=position,
            workspace="team",
            job_id="x" * 100,
            version=1,
            attempts=3,
            first_time=NOW,
            error=error,
        )
        for position in range(1, count + 1)
    )


def attempts(count, error="no"):
    return tuple(
        Attempt(
            subscriber=NAME,
            position=1,
            workspace="team",
            job_id="x" * 100,
            version=1,
            number=number,
            time=NOW,
            latency_s=0.1,
            taken=False,
            error=error,
            excerpt=error,
        )
        for number in range(1, count + 1)
    )


@asynccontextmanager
async def opened(refusals=0):
    """The log of a subscriber, and what its daemon was asked to keep, read and bounded as a daemon does."""
    kept, sizes = [], []

    async def keep(request):
        body = await request.read()
        sizes.append(len(body))
        if len(kept) == 2 and refusals:
            return await refused(500, "InternalError", "the disk is full")(request)
        kept.append(msgspec.json.decode(body, type=SubscriberProgress))
        return await json({"position": kept[-1].position})(request)

    async with faked() as (daemon, connection):
        daemon.on("GET", CURSOR, json({"position": 7}))
        daemon.on("PUT", CURSOR, keep)
        log = SubscriberLog(connection, None, None, Subscription(FINAL_EVENTS, None, "team", "billing"))
        yield daemon, log, kept, sizes


def settlement(**fields):
    return Settlement(cursors=(Cursor(NAME, 5_000, NOW),), **fields)


async def test_little_is_one_request():
    async with opened() as (_, log, kept, _sizes):
        await log.settle(settlement(letters=letters(3), taken=((NAME, 9),), attempts=attempts(4)))
        (progress,) = kept
        assert (progress.position, progress.taken) == (5_000, (9,))
        assert (len(progress.letters), len(progress.attempts)) == (3, 4)


@pytest.mark.parametrize("text", ["no", "\u0001" * TEXT_MAX, "🙁" * TEXT_MAX])
async def test_much_is_several_and_the_position_goes_on_with_the_last(text):
    """A daemon that was away for long is told of more than it takes at once."""
    taken = tuple((NAME, position) for position in range(10_000, 35_000))
    async with opened() as (_, log, kept, sizes):
        assert (await log.cursors())[NAME].position == 7
        await log.settle(
            settlement(letters=letters(2_500, text), taken=taken, attempts=attempts(ATTEMPTS_KEPT + 500, text))
        )
        assert [progress.position for progress in kept] == [7] * (len(kept) - 1) + [5_000]
        assert [each.position for progress in kept for each in progress.letters] == list(range(1, 2_501))
        assert [position for progress in kept for position in progress.taken] == list(range(10_000, 35_000))
        assert [each.number for progress in kept for each in progress.attempts] == list(range(501, ATTEMPTS_KEPT + 501))
        assert max(sizes) <= BODY_BYTES_MAX
        await log.settle(settlement(letters=letters(500)))
        assert [progress.position for progress in kept[-3:]] == [5_000] * 3


async def test_what_was_told_by_half_goes_no_further():
    async with opened(refusals=1) as (_, log, kept, _sizes):
        await log.cursors()
        with pytest.raises(StoreUnavailable):
            await log.settle(settlement(letters=letters(1_000)))
        assert [progress.position for progress in kept] == [7, 7]


async def test_letters_come_all_at_once():
    async with opened() as (daemon, log, _kept, _sizes):
        pages = [
            json({"items": msgspec.to_builtins(letters(3)[:2]), "next": "more"}),
            json({"items": msgspec.to_builtins(letters(3)[2:]), "next": None}),
        ]
        daemon.on("GET", "/v1/letters", *pages)
        assert await log.letters(NAME) == list(letters(3))
        assert await log.letters(NAME, after=3) == []


async def test_an_older_daemon_keeps_no_letters():
    async with opened() as (_, log, _kept, _sizes):
        assert await log.letters(NAME) == []


async def test_a_daemon_that_refuses_is_no_daemon_without_letters():
    async with opened() as (daemon, log, _kept, _sizes):
        daemon.on("GET", "/v1/letters", refused(403, "AccessDenied", "not with this key"))
        with pytest.raises(StoreUnavailable):
            await log.letters(NAME)
