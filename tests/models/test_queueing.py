"""The queues and the decision over the whole machine against lists that are sorted anew for every job."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import asdict

from kyanite.core.job import Needs
from kyanite.core.queueing import Pool, Ready, ReadyQueue, Slots, Turn, assign
from tests.models.machine import effort
from tests.models.queueing import QueueingModel
from tests.reliability import record

QUEUES = [("a", "x"), ("a", "y"), ("b", "x"), ("c", "z")]

queues = st.sampled_from(QUEUES)
needs = st.builds(Needs, st.sampled_from([0.0, 0.5, 1.0, 4.0]), st.sampled_from([0, 1, 3]), st.sampled_from([0, 0, 1]))


class QueueingMachine(RuleBasedStateMachine):
    """Jobs come, go, start and end; each decision is compared, with what it leaves free."""

    decisions = 0

    @initialize(slots=st.lists(st.integers(1, 3), min_size=4, max_size=4), passes_max=st.integers(0, 3))
    def begin(self, slots, passes_max):
        free = {"cores": 4.0, "memory_bytes": 4, "gpus": 1}
        self.model = QueueingModel(dict(zip(QUEUES, slots, strict=True)), free, passes_max)
        self.queues = {queue: ReadyQueue(*queue, Slots(count)) for queue, count in zip(QUEUES, slots, strict=True)}
        self.pool, self.turn, self.passes_max = Pool(**free), Turn(), passes_max
        self.running = []

    @rule(queue=queues, job=st.integers(0, 20), rank=st.integers(0, 4), needs=needs)
    def push(self, queue, job, rank, needs):
        name = f"{queue[1]}{job:02}"
        self.model.push(queue, float(rank), name, asdict(needs))
        self.queues[queue].push(Ready(float(rank), name, needs))

    @rule(queue=queues, job=st.integers(0, 20))
    def remove(self, queue, job):
        name = f"{queue[1]}{job:02}"
        there = name in self.queues[queue]
        assert (self.queues[queue].remove(name) is not None) == there
        self.model.remove(queue, name)

    @rule()
    def decide(self):
        made = assign(self.queues.values(), self.pool, self.turn, self.passes_max)
        found = [((each.queue.workspace, each.queue.target), each.ready.job_id) for each in made]
        assert found == self.model.assign()
        self.running += made
        type(self).decisions += 1

    @rule(at=st.integers(0, 20))
    def end(self, at):
        if self.running:
            ended = self.running.pop(at % len(self.running))
            self.pool.give(ended.ready.needs)
            ended.queue.slots.free += 1
            self.model.give((ended.queue.workspace, ended.queue.target), asdict(ended.ready.needs))

    @invariant()
    def as_much_is_free_and_as_many_wait(self):
        assert self.pool == Pool(**self.model.free)
        for name, queue in self.queues.items():
            assert queue.slots.free == self.model.slots[name]
            waiting = [(rank, job_id) for place, rank, job_id, _, _ in self.model.jobs if place == name]
            assert sorted(queue.keys()) == sorted(waiting)


def test_the_queues_decide_as_the_model_does():
    machine = type("machine", (QueueingMachine,), {"decisions": 0})
    run_state_machine_as_test(machine, settings=effort(quick=40, ci=250, soak=20_000, steps=50))
    assert machine.decisions > 0
    record(
        "Every adapter answers as its port's reference model does",
        f"queues: {machine.decisions:,} decisions compared, 0 differ",
        adapter="queues",
        compared=machine.decisions,
        differ=0,
    )
