"""The waiting jobs of one target: a bounded window of them in memory, in order, and the tail in the store.

`boundary` divides the two: every waiting job up to that key is in the window, every one past it is in the store only.
Memory and store sort by the same key, so a refill goes on exactly where the window ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from kyanite.core.job import JobDetails, Needs, Status, Target
from kyanite.core.queueing import LAST, Key, Ready, ReadyQueue, Slots
from kyanite.ports import Provider

FIRST: Key = (float("-inf"), "")


class Lane:
    """One target's queue in one workspace. Decides where a job belongs; the dispatcher moves it there."""

    def __init__(self, workspace: str, target: Target, provider: Provider, window: int, slots: Slots) -> None:
        """Begin with everything in the store: the first refill brings what there is."""
        self.target = target
        self.provider = provider
        self.queue = ReadyQueue(workspace, target.id, slots)
        self.boundary: Key = FIRST
        self.refilling = True
        self.arrivals: list[JobDetails] = []
        """Submitted past the boundary during a refill, which may have read the store before them."""
        self.changed: dict[str, JobDetails] = {}
        """The newest rows of jobs that changed during a refill, which may have read the store before that."""
        self.uninspected: deque[str] = deque()
        self.inspecting: dict[str, JobDetails] = {}
        """Jobs of the window that wait for inspection or are in it."""
        self._window = window

    def __len__(self) -> int:
        """Count the jobs in the window."""
        return len(self.queue) + len(self.inspecting)

    @property
    def wants_refill(self) -> bool:
        """Whether the store holds more and the window has room for it."""
        return self.boundary != LAST and not self.refilling and len(self) <= self._window // 2

    @property
    def refill_size(self) -> int:
        """How many jobs one refill reads."""
        return max(1, self._window // 2)

    def belongs_in_window(self, details: JobDetails) -> bool:
        """Tell whether a waiting job goes into the window; a full window is closed behind its last job."""
        if self.boundary == LAST and len(self) >= self._window:
            inspecting = ((row.rank, row.id) for row in self.inspecting.values())
            self.boundary = max(*self.queue.keys(), *inspecting, FIRST)
        return (details.rank, details.id) <= self.boundary

    def admit(self, details: JobDetails) -> None:
        """Take a job into the window: to the queue, or to be inspected first."""
        if self.target.inspects and not details.inspected:
            if details.id not in self.inspecting:
                self.uninspected.append(details.id)
            self.inspecting[details.id] = details
        else:
            self.inspecting.pop(details.id, None)
            self.queue.push(self.ready(details))

    def ready(self, details: JobDetails) -> Ready:
        """Return the job as its queue holds it."""
        return Ready(details.rank, details.id, self.needs_of(details))

    def needs_of(self, details: JobDetails) -> Needs:
        """Return what the job occupies: what inspection found, or what the target says."""
        return details.needs or self.target.needs

    def remove(self, job_id: str) -> None:
        """Take a job out of the window if it is there."""
        self.inspecting.pop(job_id, None)
        self.queue.remove(job_id)

    @property
    def overfull(self) -> bool:
        """Whether urgent arrivals have made the window twice as large as it should be.

        Not during a refill: it will move the boundary on from where it stood when the page was read, over whatever
        was shed meanwhile.
        """
        return not self.refilling and len(self.queue) > 2 * self._window

    def shed(self, begun: Callable[[tuple[str, str]], bool]) -> list[Ready]:
        """Push the last waiting jobs of a window that is `overfull` back to the store; return them.

        Jobs that have `begun` before (they wait for another attempt) are not among the waiting of the store, and stay.
        """
        out = self.queue.evict(self._window)
        self.boundary = max(self.queue.keys())
        for ready in out:
            if begun((self.queue.workspace, ready.job_id)):
                self.queue.push(ready)
        return [ready for ready in out if ready.job_id not in self.queue]

    def refilled(self, page: list[JobDetails]) -> list[JobDetails]:
        """Move the boundary past a page from the store; return what now belongs in the window."""
        self.refilling = False
        last = page[-1] if len(page) >= self.refill_size else None
        self.boundary = (last.rank, last.id) if last is not None else LAST
        found = {details.id: self.changed.get(details.id, details) for details in page + self.arrivals}
        self.arrivals = []
        self.changed = {}
        return [
            details
            for details in found.values()
            if details.status is Status.WAITING and (details.rank, details.id) <= self.boundary
        ]
