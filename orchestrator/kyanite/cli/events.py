"""`kyanite events`: what happens in the workspace, out of the log and as it goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from kyanite.cli.completion import job_ids, tags, target_ids
from kyanite.cli.exits import Stop
from kyanite.cli.filters import STATUSES
from kyanite.cli.opening import caring, reading
from kyanite.cli.output import format_option
from kyanite.cli.session import Session, nothing_left, pass_session
from kyanite.cli.vocabulary import Choice
from kyanite.cli.way import named

if TYPE_CHECKING:
    from kyanite import Workspace
    from kyanite.cli.feed import Feed
    from kyanite.client.care import Care
    from kyanite.core.events import Event

    Print = Callable[[list[Event]], Awaitable[None]]

TYPES = (
    *("Submitted", "Inspected", "Began", "CancelRequested", "Intended", "Checkpointed", "RetryScheduled", "Resumed"),
    *("Suspended", "Amended", "Succeeded", "Failed", "Cancelled"),
)
NEWEST = 20
"""So many events are shown to begin with, unless it is said how many or from where on."""


class Stretch(NamedTuple):
    """Which part of the log: from behind a position, or its newest events; how many, and whether on and on."""

    after: int | None
    limit: int | None
    follow: bool


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on as more happens, until Ctrl-C.")
@click.option("--after", type=click.IntRange(0), metavar="N", help="From behind this position on; 0 for all there is.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(0),
    metavar="N",
    help=f"So many at most; without --after, so many of the newest, and {NEWEST} unless given.",
)
@click.option("--type", "types", multiple=True, type=Choice(TYPES), metavar="TYPE", help=f"One of {', '.join(TYPES)}.")
@click.option(
    *("-s", "--status"),
    multiple=True,
    type=Choice(STATUSES),
    metavar="STATUS",
    help="What the job came into by the event, such as Failed.",
)
@click.option("-t", "--target", multiple=True, metavar="TARGET", shell_complete=target_ids, help="Of jobs on it.")
@click.option("--tag", multiple=True, metavar="TAG", shell_complete=tags, help="Of jobs that have it.")
@click.option("--job", multiple=True, metavar="ID", shell_complete=job_ids(), help="Of this job.")
@format_option("table", "table", "json", "jsonl")
@pass_session
def events(session: Session, /, after: int | None, limit: int | None, style: str, **asked: Any) -> None:
    """Show what happened in the workspace: the newest events of its log, and with --follow what comes next.

    Each filter may be repeated; one of its values is enough. Every event has a position: `--after` goes on behind it,
    and nothing is lost or shown twice in between. With -o json or jsonl, each event is a line of JSON, as the log has
    it.
    """
    from kyanite.cli.feed import Asked

    stretch = Stretch(after, limit, asked.pop("follow"))
    if asked["job"]:
        asked["job"] = tuple(reading(session, partial(_ids, asked["job"])))
    wanted = Asked(**asked)
    way = named(session)

    async def stored(workspace: Workspace) -> int:
        from kyanite.cli.stored_feed import Stored

        return await _shown(session, stretch, style, Stored(workspace, wanted, names=style == "table"))

    async def streamed(care: Care) -> int:
        from kyanite.cli.streamed_feed import Streamed

        return await _shown(session, stretch, style, Streamed(care.connection, wanted, names=style == "table"))

    if not (reading(session, stored) if way is None else caring(session, way, streamed)):
        session.say("no events")


async def _ids(prefixes: tuple[str, ...], workspace: Workspace) -> list[str]:
    from kyanite.cli.ids import find_all

    return [job.id for job in await find_all(workspace, prefixes)]


async def _shown(session: Session, stretch: Stretch, style: str, feed: Feed) -> int:
    """Print what is asked for as it comes, and return how many events there were. Raises `BrokenPipeError`."""
    import anyio

    from kyanite.cli.pipe import while_read
    from kyanite.errors import InfrastructureError

    shown = Shown(session, stretch, feed, _printer(style, feed))
    with anyio.CancelScope() as scope, while_read(scope) as gone:
        try:
            await shown.all()
        except InfrastructureError as error:
            if session.left is nothing_left:
                raise
            raise Stop(f"{error}; {session.left()}") from error
    if gone:
        raise BrokenPipeError
    return shown.count


class Shown:
    """What was printed, and how to go on from there."""

    def __init__(self, session: Session, stretch: Stretch, feed: Feed, printer: Print) -> None:
        """Nothing is printed yet."""
        self.count = 0
        self._session = session
        self._stretch = stretch
        self._feed = feed
        self._print = printer

    async def all(self) -> None:
        """Print the newest events, or those from behind a position, and what follows them."""
        after, limit, follow = self._stretch
        if after is not None:
            await self._from(after, limit, follow=follow)
            return
        after = await self._feed.head()
        await self._take(await self._feed.newest(after, NEWEST if limit is None else limit))
        self._reached(after)
        if follow:
            await self._from(after, None, follow=True)

    async def _from(self, after: int, limit: int | None, *, follow: bool) -> None:
        self._reached(after)
        if limit == 0:
            return
        async with aclosing(self._feed.pages(after, follow=follow)) as pages:
            async for page in pages:
                await self._take(page if limit is None else page[: limit - self.count])
                if self.count == limit:
                    return

    async def _take(self, page: list[Event]) -> None:
        if page:
            await self._print(page)
            self.count += len(page)
            self._reached(page[-1].position)

    def _reached(self, position: int) -> None:
        """Have a Ctrl-C from now on say how to go on."""
        asked = self._feed.asked._asdict()
        chosen = [text for name, values in asked.items() for value in values for text in (_option(name), value)]
        how = ["--follow"] if self._stretch.follow else []
        again = self._session.again("events", *how, "--after", str(position), *chosen)
        self._session.left = lambda: f"`{again}` goes on"


def _option(name: str) -> str:
    return "--type" if name == "types" else f"--{name}"


def _printer(style: str, feed: Feed) -> Print:
    from kyanite.cli.eventlines import EventTable, print_json

    if style == "table":
        return EventTable(feed.label).print

    async def lines(events: list[Event]) -> None:
        print_json(events)

    return lines
