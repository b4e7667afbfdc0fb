"""The scenarios that the runtime is tried with: each kind of job, and all of them together."""

from kyanite.core.events import FINAL_EVENTS
from kyanite.testing.simulation import LocalProvider, RemoteProvider, RemoteService, Scenario

SUBMISSIONS = {
    "plain": {"target": "local.plain", "input": b"hello"},
    "refused": {"target": "local.plain", "input": b"bad one"},
    "retried": {"target": "local.plain", "input": b"busy one", "attempts_max": 3},
    "timed out": {"target": "local.plain", "input": b"long one", "timeout_s": 0.5},
    "urgent": {"target": "local.plain", "input": b"now", "priority": 3},
    "inspected": {"target": "local.inspected", "input": b"four"},
    "found wanting": {"target": "local.inspected", "input": b"abc"},
    "large": {"target": "local.streamed", "input": b"large" * 14_000},
    "remote": {"target": "remote.plain", "input": b"far away"},
}


def reversed_input(row, content):
    """What both providers do."""
    assert len(content) == row.input_size
    assert not row.additional_properties or row.additional_properties["length"] == row.input_size


def nothing_held(workspace):
    """When every job has ended, the runtime remembers none."""
    engine = workspace.host.engine
    assert engine.census.waiting == 0
    assert engine.dispatcher.driven == {}
    assert engine.journal._rows == {}
    assert engine.journal._held == set()
    assert all(len(lane) == 0 for lane in engine.dispatcher.lanes.values())


def scenario_of(*kinds, jobs=100, **options):
    """A scenario that draws from these kinds of jobs; from all unless any are named."""
    submissions = [SUBMISSIONS[kind] for kind in kinds or SUBMISSIONS]

    def scenario(world):
        service = RemoteService(world)
        return Scenario(
            providers=lambda: [LocalProvider(world), RemoteProvider(service)],
            submissions=submissions,
            jobs=jobs,
            check=reversed_input,
            at_rest=nothing_held,
            **options,
        )

    return scenario


EVERYTHING = scenario_of()
LEAN = scenario_of(subscribers={"ends": FINAL_EVENTS})
