"""Listings of jobs and sessions, page by page: what a `Selection` asks for, out of the workspace, in one order.

A listing is a few stretches, one after the other, and each is in an order that the store has; what the store can not
sort by, kinds of items and types of jobs, tells the stretches apart. In each, jobs and sessions stand among one
another by the same sort key: value, time of creation, id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from kyanite import Workspace
from kyanite.core.job import JobDetails, Status
from kyanite.core.session import SessionDetails
from kyanite.errors import InvalidRequest
from kyanite.http.azure.paging import SIZE_MAX, TOKEN, Position
from kyanite.http.azure.query import ItemType, JobType, Selection
from kyanite.http.azure.wire import job_type
from kyanite.ports import SortKey, sort_key

Item = JobDetails | SessionDetails

_BY_CREATION: Final = "creation_time"
_STATUSES: Final = frozenset(Status)


class Listing(Struct, frozen=True, kw_only=True):
    """What can stand in a listing: which kinds of items, of which jobs (see `Workspace.list_jobs`), selected how."""

    selection: Selection
    kinds: frozenset[ItemType]
    session_id: str | None = None


class Stretch(Struct, frozen=True, kw_only=True):
    """A part of a listing in one order. `job_filters` is `None` where no job can be."""

    selection: Selection
    job_filters: dict[str, Any] | None
    sessions: bool


async def page(
    workspace: Workspace, listing: Listing, after: Position | None, skip: int, size: int
) -> tuple[list[Item], Position | None]:
    """Return the next items, `skip` of them left out, and where to go on; `None` where the listing ends."""
    parts = await _stretches(workspace, listing)
    while skip > 0:
        items, after = await _page(workspace, parts, after, min(skip, SIZE_MAX))
        if after is None:
            return [], None
        skip -= len(items)
    return await _page(workspace, parts, after, size)


async def _page(
    workspace: Workspace, parts: Sequence[Stretch], after: Position | None, size: int
) -> tuple[list[Item], Position | None]:
    items: list[Item] = []
    last = after
    for number, stretch in enumerate(parts):
        if after is not None and number < after.stretch:
            continue
        begin = _checked(after.key, stretch) if after is not None and number == after.stretch else None
        # One more than fits tells whether there is a next page.
        for key, item in await _items(workspace, stretch, begin, size + 1 - len(items)):
            if len(items) == size:
                return items, last
            items.append(item)
            last = Position(number, key)
    return items, None


def _checked(key: SortKey, stretch: Stretch) -> SortKey:
    """Return a sort key if it is one of this stretch's order; what comes from a client may be anything."""
    kinds = (int, str) if stretch.selection.order == _BY_CREATION else (str, int, str)
    if len(key) != len(kinds) or not all(map(isinstance, key, kinds)):
        raise InvalidRequest(TOKEN, "names no place in this listing; start it again without one")
    return key


async def _items(
    workspace: Workspace, stretch: Stretch, after: SortKey | None, limit: int
) -> list[tuple[SortKey, Item]]:
    """Return the next items of a stretch, each with its sort key."""
    order, descending = stretch.selection.order, stretch.selection.descending
    found: list[tuple[SortKey, Item]] = []
    if stretch.job_filters is not None:
        filters = {**stretch.job_filters, "order": order, "descending": descending, "after": after}
        jobs = workspace.list_jobs(limit=limit, page_size=limit, **filters)
        found += [(sort_key(job.details, order), job.details) async for job in jobs]
    if stretch.sessions:
        found += await _sessions(workspace, stretch.selection, after, limit)
    found.sort(key=lambda pair: pair[0], reverse=descending)
    return found[:limit]


# Sessions -----------------------------------------------------------------------------------------------------------


async def _sessions(
    workspace: Workspace, selection: Selection, after: SortKey | None, limit: int
) -> list[tuple[SortKey, Item]]:
    """Return the next sessions, and maybe more. The store sorts them by creation, and does not know how they stand."""
    filters = _within(workspace, selection)
    bound = None
    if selection.order == _BY_CREATION:
        filters |= {"descending": selection.descending, "after": after}
        bound = limit if selection.states is None else None
    found: list[tuple[SortKey, Item]] = []
    async for details in workspace.list_sessions(limit=bound, **filters):
        key = _session_key(details, selection.order)
        if selection.states is not None and details.status not in selection.states:
            continue
        if after is None or (key < after if selection.descending else key > after):
            found.append((key, details))
    return found


def _session_key(details: SessionDetails, order: str) -> SortKey:
    created = sort_key(details, _BY_CREATION)
    if order == _BY_CREATION:
        return created
    return (getattr(details, order) or "", *created)


# Stretches ----------------------------------------------------------------------------------------------------------


async def _stretches(workspace: Workspace, listing: Listing) -> list[Stretch]:
    selection = listing.selection
    kinds = listing.kinds & _kinds(selection)
    jobs = await _job_filters(workspace, listing) if ItemType.JOB in kinds else None
    sessions = ItemType.SESSION in kinds and selection.job_types is None  # a session has no type of jobs
    plain = replace(selection, order=_BY_CREATION)
    if selection.order == "item_type":
        parts = [_stretch(plain, jobs), _stretch(plain, None, sessions=sessions)]
    elif selection.order == "job_type":
        by_type = [await _of_types(workspace, jobs, [kind]) for kind in sorted(JobType)]
        parts = [_stretch(plain, None, sessions=sessions), *(_stretch(plain, filters) for filters in by_type)]
    else:
        return [_stretch(selection, jobs, sessions=sessions)]
    return parts[::-1] if selection.descending else parts


def _stretch(selection: Selection, job_filters: dict[str, Any] | None, *, sessions: bool = False) -> Stretch:
    return Stretch(selection=selection, job_filters=job_filters, sessions=sessions)


def _kinds(selection: Selection) -> set[ItemType]:
    return set(ItemType) if selection.item_types is None else {ItemType(kind) for kind in selection.item_types}


async def _job_filters(workspace: Workspace, listing: Listing) -> dict[str, Any] | None:
    """Return what `list_jobs` takes; `None` if no job can be meant."""
    selection = listing.selection
    filters = _within(workspace, selection)
    if listing.session_id is not None:
        filters["session_id"] = listing.session_id
    if selection.states is not None:
        filters["status"] = sorted(_STATUSES.intersection(selection.states))
        if not filters["status"]:
            return None
    return await _of_types(workspace, filters, selection.job_types)


def _within(workspace: Workspace, selection: Selection) -> dict[str, Any]:
    """Return the filters that jobs and sessions have in common."""
    return {
        "provider": _spelt(workspace, selection.providers),
        "target": selection.targets,
        "name_prefix": selection.name_prefix,
        "created_after": selection.created_after,
        "created_before": selection.created_before,
    }


async def _of_types(
    workspace: Workspace, filters: dict[str, Any] | None, types: Iterable[str] | None
) -> dict[str, Any] | None:
    """Return the filters for jobs of these types only. What type a job is follows from its target."""
    if filters is None or types is None:
        return filters
    wanted, meant = set(types), filters["target"]
    there = await workspace.count_jobs("target")
    targets = sorted(target for target in there if job_type(target) in wanted and (meant is None or target in meant))
    return {**filters, "target": targets} if targets else None


def _spelt(workspace: Workspace, providers: Iterable[str] | None) -> list[str] | None:
    """Return the providers as they are spelt here: clients write them in any case."""
    if providers is None:
        return None
    asked = {provider.casefold() for provider in providers}
    here = {target.provider_id for target in workspace.targets()}
    return sorted({provider for provider in here if provider.casefold() in asked} | asked | set(providers))
