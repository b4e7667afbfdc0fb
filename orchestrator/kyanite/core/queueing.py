"""Who runs next: priority queues of waiting jobs, and one synchronous decision over the whole machine.

Nothing here waits or reads a clock: the dispatcher hands in what is ready and what is free, and acts on the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from msgspec import Struct

from kyanite.core.job import Needs

Key = tuple[float, str]
"""Order of a waiting job: its rank, then its id. Memory and store sort by the same pair."""

LAST: Key = (float("inf"), "")


class Ready(Struct, gc=False):
    """A job that waits for nothing but its turn."""

    rank: float
    job_id: str
    needs: Needs
    passed_over: int = 0

    @property
    def key(self) -> Key:
        """Return the order of the job in its queue."""
        return (self.rank, self.job_id)


@dataclass(slots=True, eq=False)
class Slots:
    """How many more jobs of a target may execute now. The queues of all workspaces share those of one target."""

    free: int


class ReadyQueue:
    """A priority heap, lowest key first, from which any job can be taken out in constant time.

    Removed jobs stay in the heap as dead entries until they surface, or until half of it is dead.
    """

    __slots__ = ("_heap", "_jobs", "slots", "target", "workspace")

    def __init__(self, workspace: str, target: str, slots: Slots) -> None:
        """Make an empty queue for one workspace's jobs of one target."""
        self.workspace = workspace
        self.target = target
        self.slots = slots
        self._heap: list[Key] = []
        self._jobs: dict[str, Ready] = {}

    def __len__(self) -> int:
        """Count the jobs that wait here."""
        return len(self._jobs)

    def __contains__(self, job_id: str) -> bool:
        """Tell whether the job waits here."""
        return job_id in self._jobs

    def push(self, ready: Ready) -> None:
        """Add a job, or give one that waits already its new rank and needs."""
        self._jobs[ready.job_id] = ready
        heappush(self._heap, ready.key)

    def remove(self, job_id: str) -> Ready | None:
        """Take a job out wherever it stands; `None` when it does not wait here."""
        ready = self._jobs.pop(job_id, None)
        if ready is not None and len(self._heap) > 2 * len(self._jobs) + 64:
            self._heap = [entry.key for entry in self._jobs.values()]
            heapify(self._heap)
        return ready

    def peek(self) -> Ready | None:
        """Return the job whose turn it is, without taking it."""
        while self._heap:
            rank, job_id = self._heap[0]
            ready = self._jobs.get(job_id)
            if ready is not None and ready.rank == rank:
                return ready
            heappop(self._heap)
        return None

    def pop(self) -> Ready | None:
        """Take the job whose turn it is."""
        ready = self.peek()
        if ready is not None:
            heappop(self._heap)
            del self._jobs[ready.job_id]
        return ready

    def evict(self, keep: int) -> list[Ready]:
        """Take out all but the first `keep` jobs, and return those taken out, in order."""
        ordered = sorted(self._jobs.values(), key=lambda ready: ready.key)
        out = ordered[keep:]
        for ready in out:
            del self._jobs[ready.job_id]
        self._heap = [ready.key for ready in ordered[:keep]]
        return out

    def keys(self) -> Iterator[Key]:
        """Yield the keys of all jobs that wait here, in no order."""
        return (ready.key for ready in self._jobs.values())


@dataclass(slots=True)
class Pool:
    """What the machine has free for jobs. One pool serves every provider."""

    cores: float
    memory_bytes: int
    gpus: int

    def fits(self, needs: Needs) -> bool:
        """Tell whether this much is free."""
        return needs.cores <= self.cores and needs.memory_bytes <= self.memory_bytes and needs.gpus <= self.gpus

    def take(self, needs: Needs) -> None:
        """Occupy what a job needs."""
        self.cores -= needs.cores
        self.memory_bytes -= needs.memory_bytes
        self.gpus -= needs.gpus

    def give(self, needs: Needs) -> None:
        """Give back what a job occupied."""
        self.cores += needs.cores
        self.memory_bytes += needs.memory_bytes
        self.gpus += needs.gpus


class Assignment(Struct, gc=False, frozen=True):
    """The decision that this job runs now. What it needs has been taken from pool and slots."""

    queue: ReadyQueue
    ready: Ready


@dataclass(slots=True)
class Turn:
    """Whose turn it is among the workspaces, kept between decisions."""

    workspaces: list[str] = field(default_factory=list)

    def first(self, present: set[str]) -> str:
        """Return the workspace, of those that have something ready, that was served longest ago, or never."""
        never = present.difference(self.workspaces)
        return min(never) if never else next(name for name in self.workspaces if name in present)

    def served(self, workspace: str) -> None:
        """Send a workspace to the back."""
        if self.workspaces[-1:] != [workspace]:
            if workspace in self.workspaces:
                self.workspaces.remove(workspace)
            self.workspaces.append(workspace)


def assign(queues: Iterable[ReadyQueue], free: Pool, turn: Turn, passes_max: int = 32) -> list[Assignment]:
    """Decide which jobs run now, taking what they need from `free` and from their queues' slots.

    Workspaces take turns; within one, the job with the lowest key among its queues' first goes. A first job that does
    not fit is passed over by smaller ones at most `passes_max` times; then what it lacks is kept for it: nothing that
    occupies the same kind of resource starts before it does.
    """
    assignments: list[Assignment] = []
    heads = {queue: ready for queue in queues if queue.slots.free > 0 and (ready := queue.peek()) is not None}
    while heads:
        chosen = _choose(heads, free, turn, passes_max)
        if chosen is None:
            break
        ready = heads.pop(chosen)
        chosen.pop()
        free.take(ready.needs)
        chosen.slots.free -= 1
        turn.served(chosen.workspace)
        assignments.append(Assignment(chosen, ready))
        if chosen.slots.free <= 0:
            heads = {queue: ready for queue, ready in heads.items() if queue.slots is not chosen.slots}
        elif (following := chosen.peek()) is not None:
            heads[chosen] = following
    return assignments


def _choose(heads: dict[ReadyQueue, Ready], free: Pool, turn: Turn, passes_max: int) -> ReadyQueue | None:
    """Return the queue whose first job goes next, and count who is passed over for it."""
    if len(heads) == 1:
        ((alone, ready),) = heads.items()
        return alone if free.fits(ready.needs) else None
    lacking = {queue: ready for queue, ready in heads.items() if not free.fits(ready.needs)}
    starved = [ready.needs for ready in lacking.values() if ready.passed_over >= passes_max]
    allowed = [
        queue
        for queue, ready in heads.items()
        if queue not in lacking and not (starved and _competes(ready.needs, starved))
    ]
    if not allowed:
        return None
    workspace = turn.first({queue.workspace for queue in allowed})
    chosen = min((queue for queue in allowed if queue.workspace == workspace), key=lambda queue: heads[queue].key)
    for ready in lacking.values():
        if _competes(heads[chosen].needs, [ready.needs]):
            ready.passed_over += 1
    return chosen


def _competes(needs: Needs, starved: list[Needs]) -> bool:
    return any(
        (needs.cores and lacking.cores)
        or (needs.memory_bytes and lacking.memory_bytes)
        or (needs.gpus and lacking.gpus)
        for lacking in starved
    )
