from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kyanite.core.job import Needs
from kyanite.core.queueing import Pool, Ready, ReadyQueue, Slots, Turn, assign

CORE = Needs(cores=1.0)


def queue_of(*ranks, workspace="w", target="t", slots=100, needs=CORE):
    queue = ReadyQueue(workspace, target, Slots(slots))
    for rank in ranks:
        queue.push(Ready(float(rank), f"{target}{rank}", needs))
    return queue


def ids(assignments):
    return [assignment.ready.job_id for assignment in assignments]


class Queue(RuleBasedStateMachine):
    """The queue against a plain dictionary."""

    def __init__(self):
        super().__init__()
        self.queue = ReadyQueue("w", "t", Slots(1))
        self.model = {}

    @rule(job=st.integers(0, 30), rank=st.integers(0, 5))
    def push(self, job, rank):
        self.queue.push(Ready(float(rank), f"{job:02}", CORE))
        self.model[f"{job:02}"] = (float(rank), f"{job:02}")

    @rule(job=st.integers(0, 30))
    def remove(self, job):
        removed = self.queue.remove(f"{job:02}")
        assert (removed and removed.key) == self.model.pop(f"{job:02}", None)

    @rule()
    def pop(self):
        popped = self.queue.pop()
        expected = min(self.model.values(), default=None)
        assert (popped and popped.key) == expected
        if expected:
            del self.model[expected[1]]

    @precondition(lambda self: self.model)
    @rule(keep=st.integers(0, 10))
    def evict(self, keep):
        ordered = sorted(self.model.values())
        assert [ready.key for ready in self.queue.evict(keep)] == ordered[keep:]
        self.model = {key[1]: key for key in ordered[:keep]}

    @invariant()
    def the_same_jobs_wait(self):
        assert sorted(self.queue.keys()) == sorted(self.model.values())
        assert len(self.queue) == len(self.model)
        head = self.queue.peek()
        assert (head and head.key) == min(self.model.values(), default=None)


TestQueue = Queue.TestCase


def test_removed_jobs_do_not_pile_up():
    queue = queue_of(*range(1000))
    for rank in range(999):
        queue.remove(f"t{rank}")
    assert len(queue._heap) < 70
    assert queue.pop().job_id == "t999"


def test_lowest_rank_first_and_no_more_than_slots_and_cores():
    queue = queue_of(3, 1, 2, slots=2)
    assert ids(assign([queue], Pool(10, 0, 0), Turn())) == ["t1", "t2"]
    assert queue.slots.free == 0
    queue = queue_of(3, 1, 2)
    free = Pool(2.0, 0, 0)
    assert ids(assign([queue], free, Turn())) == ["t1", "t2"]
    assert free.cores == 0
    free.give(CORE)
    assert ids(assign([queue], free, Turn())) == ["t3"]


def test_the_lowest_rank_of_a_workspaces_targets_goes_first():
    first, second = queue_of(5, 6, target="a"), queue_of(1, 9, target="b")
    assert ids(assign([first, second], Pool(9, 0, 0), Turn())) == ["b1", "a5", "a6", "b9"]


def test_workspaces_take_turns():
    busy, quiet = queue_of(1, 2, 3, 4, workspace="busy"), queue_of(8, 9, workspace="quiet", target="q")
    turn = Turn()
    assert ids(assign([busy, quiet], Pool(3, 0, 0), turn)) == ["t1", "q8", "t2"]
    assert ids(assign([busy, quiet], Pool(2, 0, 0), turn)) == ["q9", "t3"]


def test_a_large_job_that_is_passed_over_gets_a_reservation():
    small = queue_of(*range(100, 200), target="small")
    large = queue_of(1, target="large", needs=Needs(cores=4.0))
    free = Pool(3.0, 0, 0)
    turn = Turn()
    done = 0
    while not (started := [job for job in ids(assign([small, large], free, turn, passes_max=8)) if job == "large1"]):
        free.give(CORE)
        done += 1
        assert done < 50, "the large job starved"
    assert started == ["large1"]
    assert done >= 5


def test_a_reservation_keeps_only_what_is_lacking():
    free = Pool(1.0, 100, 0)
    large = queue_of(1, target="large", needs=Needs(cores=4.0))
    large.peek().passed_over = 99
    remote = queue_of(2, 3, target="remote", needs=Needs())
    memory = queue_of(4, target="memory", needs=Needs(memory_bytes=50))
    core = queue_of(5, target="core")
    assert ids(assign([large, remote, memory, core], free, Turn())) == ["remote2", "remote3", "memory4"]
