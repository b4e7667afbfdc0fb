"""The filters and orders that the newer client writes, read into a `Selection`. Pure.

The client joins a few fixed shapes with ` and `, and makes three mistakes that are read as they were meant: on newer
Pythons a value that is an enumeration's comes with its Python name (`'JobStatus.SUCCEEDED'`), between two times that
stand alone the ` and ` is missing, and quotes within a value are not escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from kyanite.errors import InvalidRequest

TEXT_LENGTH_MAX = 8_192
SHOWN_MAX = 80


class ItemType(StrEnum):
    """What stands in a listing of top-level items."""

    JOB = "Job"
    SESSION = "Session"


class JobType(StrEnum):
    """What a job is for, as the model has it."""

    OPTIMIZATION = "Optimization"
    QUANTUM_COMPUTING = "QuantumComputing"
    UNKNOWN = "Unknown"


STATES: Final = (
    *("Queued", "Waiting", "Executing", "CancellationRequested", "Cancelling", "Finishing", "Completed"),
    *("Succeeded", "Failed", "Cancelled", "Failure(s)", "TimedOut"),
)
"""Every state that the clients know of a job or a session; some of them nothing here is ever in."""

ORDERS: Final[Mapping[str, str]] = {
    "Name": "name",
    "ItemType": "item_type",
    "JobType": "job_type",
    "ProviderId": "provider_id",
    "Target": "target",
    "State": "status",
    "CreationTime": "creation_time",
}


class Selection(Struct, frozen=True, kw_only=True):
    """What is asked for, and in which order. `None` leaves a field as it likes; the times are inclusive."""

    name_prefix: str = ""
    item_types: tuple[str, ...] | None = None
    job_types: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    targets: tuple[str, ...] | None = None
    states: tuple[str, ...] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    order: str = "creation_time"
    descending: bool = False


def selection_of(filter_text: str = "", orderby: str = "") -> Selection:
    """Return what `filter` and `orderby` ask for. Raises `InvalidRequest` that shows what was not understood."""
    order, descending = _order(orderby)
    return Selection(**_filters(filter_text), order=order, descending=descending)


# Filters ------------------------------------------------------------------------------------------------------------

_GROUPS = "ItemType|JobType|ProviderId|Target|State"
# Where a value ends is only told by what comes after it, for a quote may stand within.
_END = rf"'\)(?=\Z| and (?:startswith\(Name, '|\((?:{_GROUPS}) eq '|CreationTime (?:ge|le) ))"
_NAME = re.compile(rf"startswith\(Name, '(?P<prefix>.*?){_END}", re.DOTALL)
_GROUP = re.compile(rf"\((?P<field>{_GROUPS}) eq '(?P<values>.*?){_END}", re.DOTALL)
_TIME = re.compile(r"CreationTime (?P<sign>ge|le) (?P<time>[0-9][0-9T:.Z+-]{0,40})")
_AND = " and "
_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?P<clock>T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII
)  # fewer forms than Python reads


def _filters(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = 0
    _check_text("filter", text)
    while at < len(text):
        match = _NAME.match(text, at) or _GROUP.match(text, at) or _TIME.match(text, at)
        if match is None:
            raise _not_understood("filter", text, at)
        field, value = _read(match)
        if field in found:
            raise InvalidRequest("filter", f"says twice what {match.group()[:SHOWN_MAX]!r} says")
        found[field] = value
        at = match.end()
        if text.startswith(_AND, at) and at + len(_AND) < len(text):
            at += len(_AND)
        elif at < len(text) and not (match.re is _TIME and text.startswith("CreationTime ", at)):
            raise _not_understood("filter", text, at)
    return found


def _read(match: re.Match[str]) -> tuple[str, Any]:
    """Return one term's field and value."""
    if match.re is _NAME:
        return "name_prefix", match["prefix"]
    if match.re is _TIME:
        return ("created_after", _time(match["time"])) if match["sign"] == "ge" else _until(match["time"])
    field = match["field"]
    name, meaning = _FIELDS[field]
    return name, tuple(dict.fromkeys(meaning(value) for value in match["values"].split(f"' or {field} eq '")))


def _one_of(field: str, known: tuple[str, ...]) -> Callable[[str], str]:
    """Return what reads a value of an enumeration: as it is sent, or as Python prints its member."""
    spelt = {_letters(value): value for value in known}

    def meaning(value: str) -> str:
        try:
            return spelt[_letters(value.rpartition(".")[2])]
        except KeyError:
            raise InvalidRequest(
                "filter", f"has {field} {value[:SHOWN_MAX]!r}, not one of {', '.join(known)}"
            ) from None

    return meaning


def _letters(value: str) -> str:
    return re.sub(r"[^a-z]", "", value.lower())


_FIELDS: Final[Mapping[str, tuple[str, Callable[[str], str]]]] = {
    "ItemType": ("item_types", _one_of("ItemType", tuple(ItemType))),
    "JobType": ("job_types", _one_of("JobType", tuple(JobType))),
    "ProviderId": ("providers", str),
    "Target": ("targets", str),
    "State": ("states", _one_of("State", STATES)),
}


def _until(text: str) -> tuple[str, datetime]:
    moment = _time(text)
    # A date stands for the whole of that day: the client, as the older one that filters by itself, compares dates.
    whole_day = _ISO.fullmatch(text)
    if whole_day is not None and not whole_day["clock"]:
        moment = datetime.combine(moment, time.max, UTC)
    return "created_before", moment


def _time(text: str) -> datetime:
    """Read a date or a time; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text if _ISO.fullmatch(text) else "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        problem = f"has the time {text!r}; it must be like 2026-11-21 or 2026-11-21T08:30:00Z"
        raise InvalidRequest("filter", problem) from None


# Orders -------------------------------------------------------------------------------------------------------------

_ORDER = re.compile(r"(?P<field>[A-Za-z]+)(?: (?P<direction>asc|desc))?")


def _order(text: str) -> tuple[str, bool]:
    if not text:
        return "creation_time", False
    _check_text("orderby", text)
    match = _ORDER.fullmatch(text)
    if match is None or match["field"] not in ORDERS:
        raise InvalidRequest("orderby", f"is {text[:SHOWN_MAX]!r}, not one of {', '.join(ORDERS)} with asc or desc")
    return ORDERS[match["field"]], match["direction"] == "desc"


def _check_text(field: str, text: str) -> None:
    if len(text) > TEXT_LENGTH_MAX:
        raise InvalidRequest(field, f"has {len(text):,} characters; at most {TEXT_LENGTH_MAX:,} are allowed")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(field, "is not UTF-8") from None


def _not_understood(field: str, text: str, at: int) -> InvalidRequest:
    return InvalidRequest(field, f"is not understood from {text[at : at + SHOWN_MAX]!r} on")
