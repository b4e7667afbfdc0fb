"""`kyanite check`: whether what is stored is sound."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from kyanite.cli.display import draws_on
from kyanite.cli.exits import Exit
from kyanite.cli.opening import caring, reading, settings
from kyanite.cli.output import format_option, write, write_json
from kyanite.cli.screen import cut, plain, width
from kyanite.cli.session import Session, pass_session
from kyanite.cli.views import record
from kyanite.cli.way import named

if TYPE_CHECKING:
    from kyanite import Workspace
    from kyanite.client.care import Care
    from kyanite.runtime.audit import Audit, Breach, Tally

    Hear = Callable[[Breach], None]

TICK_S = 0.1
KIND_CELLS = 19
ERASE_LINE = "\r\x1b[2K"


@click.command()
@click.option("--blobs", "read_blobs", is_flag=True, help="Read every blob to its end, and compare its hash.")
@format_option("table", "table", "json", "jsonl")
@pass_session
def check(session: Session, /, read_blobs: bool, style: str) -> int:  # noqa: FBT001  # a flag
    """Fold the event log of every job and compare it with the job's row, and the row with the blobs that it names.

    Nothing is changed; another process may execute jobs meanwhile. The exit code is 1 if something does not hold. As
    lines of JSON, each breach is one, and the last line is the summary.
    """
    breaches: list[Breach] = []
    hears = {"table": lambda breach: write(_line(breach)), "jsonl": lambda breach: write_json(record(breach), style)}
    hear, way = hears.get(style, breaches.append), named(session)
    if way is None:
        tally = reading(session, partial(_audited, session, read_blobs, hear))
    else:
        tally = caring(session, way, partial(_asked, session, read_blobs, hear))
    if style == "json":
        write_json({"summary": record(tally), "breaches": [record(breach) for breach in breaches]}, style)
    else:
        write(_summary(tally)) if style == "table" else write_json(record(tally), style)
    if tally.breaches >= _most():
        session.say(f"stopped after {tally.breaches:,} breaches; there may be more")
    return Exit.ERROR if tally.breaches else Exit.OK


def _most() -> int:
    from kyanite.runtime.audit import BREACHES_MAX

    return BREACHES_MAX


async def _asked(session: Session, read_blobs: bool, hear: Hear, care: Care) -> Tally:  # noqa: FBT001  # a flag
    """Have the daemon check what it keeps."""
    from kyanite.runtime.audit import Breach, Tally

    meter, tally = Meter(session), Tally()
    try:
        async for told in care.check(read_blobs=read_blobs):
            if isinstance(told, Breach):
                meter.clear()
                hear(told)
            else:
                tally = told
                meter.show(_progress(tally))
    finally:
        meter.clear()
    return tally


async def _audited(session: Session, read_blobs: bool, hear: Hear, _: Workspace) -> Tally:  # noqa: FBT001  # a flag
    """Check what lies in the data folder."""
    from kyanite.runtime.audit import Audit
    from kyanite.runtime.storage import opened_to_read

    chosen = settings(session)
    async with opened_to_read(chosen) as (store, blobs):
        audit = Audit(store, blobs, workspaces=[chosen.workspace], read_blobs=read_blobs)
        await _heard(audit, Meter(session), hear)
    return audit.tally


async def _heard(audit: Audit, meter: Meter, hear: Hear) -> None:
    """Have each breach heard of as it is found, and say meanwhile how far the audit is."""
    import anyio

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_tell, audit.tally, meter)
            async for breach in audit.breaches():
                meter.clear()
                hear(breach)
            group.cancel_scope.cancel()
    finally:
        meter.clear()


async def _tell(tally: Tally, meter: Meter) -> None:
    import anyio

    while True:
        await anyio.sleep(TICK_S)
        meter.show(_progress(tally))


def _progress(tally: Tally) -> str:
    part = tally.events / tally.events_total if tally.events_total else 0.0
    return f"{part:4.0%}  {tally.jobs:,} jobs, {tally.breaches:,} breaches"


class Meter:
    """A line on the terminal that says how far it is, and goes away before anything else is written."""

    def __init__(self, session: Session) -> None:
        """Write to stderr, if that is a terminal and nobody wants it quiet."""
        self._draws = not session.quiet and draws_on(sys.stderr)

    def show(self, text: str) -> None:
        """Put the text in place of the one before."""
        self._write(ERASE_LINE + cut(text, (width(sys.stderr) or 80) - 1))

    def clear(self) -> None:
        """Leave an empty line."""
        self._write(ERASE_LINE)

    def _write(self, text: str) -> None:
        if self._draws:
            sys.stderr.write(text)
            sys.stderr.flush()


def _line(breach: Breach) -> str:
    where = breach.job_id or (f"position {breach.position}" if breach.position else breach.workspace)
    return f"{breach.kind:{KIND_CELLS}}{where}  {plain(breach.text)}"


def _summary(tally: Tally) -> str:
    verdict = f"{tally.breaches:,} breaches" if tally.breaches else "all sound"
    purged = f", {tally.purged:,} purged jobs skipped" if tally.purged else ""
    return f"{tally.jobs:,} jobs checked, {tally.events:,} events, {tally.blobs:,} blobs{purged}: {verdict}"
