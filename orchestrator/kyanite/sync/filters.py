"""Which jobs a listing is about, in the way of the SDK."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from kyanite.core.job import JobDetails, Status
from kyanite.errors import InvalidRequest


@dataclass(frozen=True)
class Wanted:
    """Jobs whose name the pattern is found in, of this status, created on this day or later; `None` is any."""

    name_match: str | None = None
    status: str | None = None
    created_after: date | datetime | None = None

    def has(self, details: JobDetails) -> bool:
        """Tell whether the job is among them. Raises `InvalidRequest` for an unknown status."""
        if self.name_match is not None and re.search(self.name_match, details.name) is None:
            return False
        if self.status is not None and details.status is not _status(self.status):
            return False
        return self.created_after is None or details.creation_time >= start_of_day(self.created_after)

    def query(self) -> dict[str, Any]:
        """Return what of this a store can look up."""
        after = self.created_after
        return {"status": self.status, "created_after": None if after is None else start_of_day(after)}


def start_of_day(time: date) -> datetime:
    """Return the midnight, on this machine's clock, in which the day began.

    The SDK compares days: `created_after=datetime.now()` finds the jobs of today. The zone of a time is ignored there.
    """
    return datetime(time.year, time.month, time.day).astimezone()


def _status(value: str) -> Status:
    try:
        return Status(value)
    except ValueError:
        raise InvalidRequest("status", f"is {value!r}, not one of {', '.join(Status)}") from None
