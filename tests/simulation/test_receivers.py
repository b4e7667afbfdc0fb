"""Receivers that fail for days: each final event is heard at least once, or given up after all its attempts."""

import dataclasses

import pytest
from msgspec.structs import replace

from kyanite.core.events import Event
from kyanite.core.mailbox import Mailbox
from kyanite.runtime.ledger import Ledger
from kyanite.testing.simulation import LocalProvider, Plan, Receiver, Scenario, SimulationFailed, simulate, weather
from tests.reliability import counts, record
from tests.simulation.scenarios import SUBMISSIONS, nothing_held

STORMY = {"kill_before": 0.002, "kill_after": 0.002, "restart": 0.001}


def received(jobs, seen=None, receivers=(0.3,), kinds=("plain",), **options):
    def scenario(world):
        there = [Receiver(world, f"endpoint {failing}", failing=failing, **options) for failing in receivers]
        if seen is not None:
            seen[:] = there
        return Scenario(
            providers=lambda: [LocalProvider(world)],
            submissions=[SUBMISSIONS[kind] for kind in kinds],
            jobs=jobs,
            subscribers={},
            receivers=there,
            at_rest=nothing_held,
        )

    return scenario


@pytest.mark.timeout(counts(quick=60, ci=200, soak=3_600))
def test_every_final_event_is_heard_whatever_fails():
    seeds, jobs = counts(quick=4, ci=12, soak=200), 500
    heard = repeated = lives = dead = 0
    for seed in range(seeds):
        seen = []
        report = simulate(received(jobs, seen), plan=weather(seed, **STORMY))
        (receiver,) = seen
        positions = {event.position for event in receiver.heard}
        assert len(positions | {letter.position for letter in receiver.dead}) == report.lifecycles
        heard += len(positions)
        repeated += len(receiver.heard) - len(positions)
        dead += len(receiver.dead)
        lives += report.lives
    assert lives > seeds
    assert repeated > 0
    record(
        "Every final event reaches every receiver at least once, or is a dead letter after all attempts",
        f"{heard + dead:,} events to receivers that fail 30 % of the time, {lives:,} lives, simulated: 0 lost, "
        f"{repeated:,} heard again",
        events=heard + dead,
        lives=lives,
        lost=0,
        repeated=repeated,
    )


def test_who_takes_nothing_gets_every_attempt_and_then_dead_letters():
    seen = []
    simulate(received(20, seen, receivers=(2.0,)), plan=Plan(seed=1))
    (receiver,) = seen
    assert len(receiver.dead) == 20
    assert {receiver.offers[letter.position] for letter in receiver.dead} == {10}


class All(Receiver):
    """Wants every event."""

    def subscription(self, workspace):
        return dataclasses.replace(super().subscription(workspace), types=(Event,))


def test_events_of_one_job_come_in_their_order():
    def scenario(world):
        seen[:] = [All(world, "all", failing=0.4)]
        return Scenario(
            providers=lambda: [LocalProvider(world)],
            submissions=[SUBMISSIONS["plain"], SUBMISSIONS["retried"]],
            jobs=60,
            subscribers={},
            receivers=seen,
        )

    for seed in range(5):
        seen = []
        simulate(scenario, plan=weather(seed, **STORMY))
        first_heard = {}
        for event in seen[0].heard:
            first_heard.setdefault(event.job_id, {}).setdefault(event.version, None)
        assert len(first_heard) >= 60
        assert all(list(versions) == sorted(versions) for versions in first_heard.values())


def test_a_dead_receiver_delays_no_other():
    seen = []
    simulate(received(300, seen, receivers=(0.0, 2.0)), plan=Plan(seed=3))
    well, dead = seen
    assert len(well.heard) == 300
    assert dead.heard == [] or len(dead.dead) == 300


def test_a_store_that_is_away_is_no_attempt():
    """Of a receiver that takes nothing, every attempt that a dead letter counts was one that it has seen."""
    dead = 0
    for seed in range(6):
        seen = []
        rates = {"error": 0.3, "slow": 0.02, "restart": 0.001}
        simulate(received(100, seen, receivers=(2.0,), delays_s=(0.5,) * 3), plan=Plan(seed=seed, rates=rates))
        dead += len(seen[0].dead)
    assert dead == 600


@pytest.mark.parametrize("defect", ["forgets what was put off", "reads on", "counts no attempts"])
def test_planted(defect, monkeypatch):
    """What must not be is found."""
    if defect == "reads on":
        monkeypatch.setattr(Mailbox, "read_up_to", lambda _self, position: position)
    elif defect == "forgets what was put off":
        collected = Ledger._collected

        def lossy(self):
            return replace(collected(self), letters=())

        monkeypatch.setattr(Ledger, "_collected", lossy)
    else:
        put_off = Mailbox.put_off

        def forgetful(self, item, due_s):
            item.attempts = min(item.attempts, 3)
            put_off(self, item, due_s)

        monkeypatch.setattr(Mailbox, "put_off", forgetful)
    seeds, jobs = (1, 3) if defect == "counts no attempts" else (6, 100)
    failures = 0
    for seed in range(seeds):
        try:
            simulate(received(jobs, receivers=(0.3, 1.9)), plan=weather(seed, kill_before=0.01, restart=0.005))
        except SimulationFailed:
            failures += 1
    assert failures >= max(seeds - 1, 1)
