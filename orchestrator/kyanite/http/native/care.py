"""What a daemon tells of itself to whoever operates it: whether what it keeps is sound, how it is, how it is set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import anyio
import msgspec
from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from kyanite.config import Resolved, Settings
from kyanite.core.findings import Finding
from kyanite.errors import NotHere
from kyanite.http.native import documents
from kyanite.http.native.aside import Tell, aside
from kyanite.http.native.parameters import QUERY
from kyanite.http.service import SERVICE
from kyanite.runtime.audit import Audit, Breach, Tally
from kyanite.runtime.diagnosis import diagnose
from kyanite.runtime.storage import opened_to_read

T = TypeVar("T")

LINES = "application/x-ndjson"
TICK_S = 1.0
"""How often a check says how far it is; a client whose daemon is silent for long would think it gone."""

PROGRAM = "argument"
"""Where a setting comes from that is no default, and of which nobody has told."""


class CheckParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How thorough a check is: with `blobs`, every blob is read to its end, and its hash compared."""

    blobs: bool = False


class CheckLine(Struct, frozen=True, kw_only=True):
    """One line of a check: something that does not hold, how far it is, or, as the last, what it has counted."""

    breach: Breach | UnsetType = UNSET
    progress: Tally | UnsetType = UNSET
    summary: Tally | UnsetType = UNSET


class Setting(Struct, frozen=True):
    """A setting as it applies, its value as TOML, and where that comes from. Secrets are not shown."""

    path: str
    value: str
    origin: str


class SettingList(Struct, frozen=True, kw_only=True):
    """Every setting, and all of them as a file."""

    items: list[Setting]
    next: None = None
    toml: str


async def settings(request: web.Request) -> web.Response:
    """List every setting of the daemon as it applies, and where it comes from."""
    resolved = _resolved(request)
    rows = [Setting(*row) for row in resolved.rows()]
    return documents.answer(SettingList(items=rows, toml=resolved.toml()))


async def doctor(request: web.Request) -> web.StreamResponse:
    """Look over the store, the blobs, the workers, the clock and the disks, and say what to do.

    Each line of the answer is what was found of one part. It takes seconds, since a worker is tried out.
    """
    return await _told(request, partial(_diagnose, _resolved(request)))


async def check(request: web.Request) -> web.StreamResponse:
    """Fold the event log of every job and compare it with the job's row, and the row with the blobs that it names.

    Each line of the answer is a JSON object of one field: `breach`, `progress`, or, in the last line, `summary`. An
    answer without that one was cut short.
    """
    return await _told(request, partial(_examine, request.app[SERVICE].settings, request[QUERY].blobs))


async def _told(request: web.Request, examine: Callable[[Tell[T]], Awaitable[None]]) -> web.StreamResponse:
    """Answer with a line for each thing that is found, as it is found."""
    response = web.StreamResponse(headers={"Content-Type": LINES, "Cache-Control": "no-store"})
    async with aside(examine) as lines:
        async for line in lines:
            if not response.prepared:  # what can not be begun is answered as such
                await response.prepare(request)
            await response.write(msgspec.json.encode(line) + b"\n")
    if not response.prepared:  # there was nothing to tell
        await response.prepare(request)
    await response.write_eof()
    return response


def _resolved(request: web.Request) -> Resolved:
    service = request.app[SERVICE]
    settings = service.state.taken_over or service.settings
    defaults = {row.path: row.value for row in Resolved(Settings(), {}).rows()}
    given = [row.path for row in Resolved(settings, {}).rows() if defaults.get(row.path) != row.value]
    return Resolved(settings, dict.fromkeys(given, PROGRAM) | dict(service.state.origins))


async def _diagnose(resolved: Resolved, tell: Tell[Finding]) -> None:
    async for finding in diagnose(resolved):
        await tell(finding)


async def _examine(chosen: Settings, read_blobs: bool, tell: Tell[CheckLine]) -> None:  # noqa: FBT001  # a flag
    _check_kept(chosen)
    # Once more, beside the daemon's own, whose readers are for requests.
    async with opened_to_read(chosen) as (store, blobs):
        audit = Audit(store, blobs, workspaces=[chosen.workspace], read_blobs=read_blobs)
        async with anyio.create_task_group() as group:
            group.start_soon(_tell_progress, audit, tell)
            async for breach in audit.breaches():
                await tell(CheckLine(breach=breach))
            group.cancel_scope.cancel()
        await tell(CheckLine(summary=audit.tally))


async def _tell_progress(audit: Audit, tell: Tell[CheckLine]) -> None:
    while True:
        await tell(CheckLine(progress=msgspec.structs.replace(audit.tally)))
        await anyio.sleep(TICK_S)


def _check_kept(chosen: Settings) -> None:
    for setting in (chosen.store.url, chosen.blobs.url):
        if setting.startswith("memory:"):
            raise NotHere("what is kept in memory can not be looked at from outside")
