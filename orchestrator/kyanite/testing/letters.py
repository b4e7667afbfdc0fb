"""The contract of job stores where they keep what subscribers did not take, as a suite like that of `StoreContract`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from msgspec.structs import replace

from kyanite.core.letters import Attempt, Letter
from kyanite.ports import ATTEMPTS_KEPT, Cursor, JobStore, Settlement
from kyanite.testing.stores import START

LATER = START + timedelta(hours=1, microseconds=7)


def a_letter(position: int, subscriber: str = "default/hook", **fields: object) -> Letter:
    """Return a letter that waits."""
    letter = Letter(
        subscriber=subscriber,
        position=position,
        workspace=subscriber.partition("/")[0],
        job_id=f"job{position}",
        version=3,
        attempts=1,
        first_time=START,
        due_time=LATER,
        error="it said no: \x00 é",
    )
    return replace(letter, **fields)


def an_attempt(number: int, subscriber: str = "default/hook") -> Attempt:
    """Return an attempt that was refused."""
    return Attempt(
        subscriber=subscriber,
        position=number,
        workspace="default",
        job_id="job1",
        version=3,
        number=number,
        time=START,
        latency_s=0.25,
        taken=False,
        status=503,
        excerpt="busy",
    )


class LetterContract:
    """What every job store does with settlements. `opened` gives a context manager of an empty, open store."""

    def opened(self) -> AbstractAsyncContextManager[JobStore]:
        """Return an open, empty store; a second call in one test opens what the first has left, if it persists."""
        raise NotImplementedError

    persists = True
    """Whether a store that is closed and opened again has what it had."""

    async def test_letters_come_back_by_position(self) -> None:
        """Each as it was stored last; waiting ones and dead ones can be asked for alone."""
        async with self.opened() as store:
            letters = [a_letter(30), a_letter(10, due_time=None), a_letter(20), a_letter(5, "default/other")]
            await store.settle(Settlement(letters=tuple(letters)))
            again = a_letter(20, attempts=2, error="")
            await store.settle(Settlement(letters=(again,), taken=(("default/hook", 30), ("default/hook", 31))))
            assert await store.letters("default/hook") == [letters[1], again]
            assert await store.letters("default/hook", dead=True) == [letters[1]]
            assert await store.letters("default/hook", dead=False) == [again]
            assert await store.letters("default/hook", after=10) == [again]
            assert await store.letters("default/hook", limit=1) == [letters[1]]
            assert await store.letters("default/nobody") == []

    async def test_letters_are_tallied_by_subscriber(self) -> None:
        """Those of one workspace, however its name begins."""
        async with self.opened() as store:
            await store.settle(
                Settlement(
                    letters=(
                        a_letter(1),
                        a_letter(2, due_time=None),
                        a_letter(3, due_time=None),
                        a_letter(4, "default/webhook/é"),
                        a_letter(5, "default2/hook"),
                        a_letter(6, "defaul/hook"),
                    )
                )
            )
            assert await store.tally_letters("default") == {"default/hook": (1, 2), "default/webhook/é": (1, 0)}
            assert await store.tally_letters("default2") == {"default2/hook": (1, 0)}
            assert await store.tally_letters("nobody") == {}

    async def test_the_newest_attempts_are_kept(self) -> None:
        """They are numbered on, whatever was dropped."""
        async with self.opened() as store:
            attempts = [an_attempt(number) for number in range(1, ATTEMPTS_KEPT + 11)]
            await store.settle(Settlement(attempts=tuple(attempts[:5])))
            await store.settle(Settlement(attempts=(*attempts[5:], an_attempt(1, "default/other"))))
            newest = await store.attempts("default/hook", limit=3)
            assert [attempt for _, attempt in newest] == attempts[:-4:-1]
            before = await store.attempts("default/hook", before=newest[-1][0], limit=ATTEMPTS_KEPT)
            assert len(before) == ATTEMPTS_KEPT - 3
            assert before[0][1] == attempts[-4]
            assert [attempt for _, attempt in await store.attempts("default/other")] == [an_attempt(1, "default/other")]

    async def test_a_settlement_is_stored_as_a_whole(self) -> None:
        """Cursor, letters and attempts together; what is forgotten goes before."""
        cursor = Cursor("default/hook", 12, START)
        whole = Settlement(cursors=(cursor,), letters=(a_letter(7),), attempts=(an_attempt(1),))
        async with self.opened() as store:
            await store.settle(whole)
            if not self.persists:
                assert await store.cursors() == {"default/hook": cursor}
        async with self.opened() as store:
            if self.persists:
                assert await store.cursors() == {"default/hook": cursor}
                assert await store.letters("default/hook") == [a_letter(7)]
            await store.settle(whole)
            other = Cursor("default/other", 3, START)
            await store.settle(Settlement(forgotten=("default/hook", "default/nobody"), cursors=(other,)))
            assert await store.cursors() == {"default/other": other}
            assert await store.letters("default/hook") == []
            assert await store.attempts("default/hook") == []
