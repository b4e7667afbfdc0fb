"""Plans are data: they can be written down, drawn and shrunk."""

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from kyanite.core.mailbox import Mailbox
from kyanite.runtime.delivery import Delivery
from kyanite.testing.simulation import KINDS, STRIKES, Fault, Plan, SimulationFailed, simulate, weather
from tests.reliability import counts
from tests.simulation.scenarios import scenario_of

FEW = scenario_of("plain", "retried", "remote", jobs=4, clients=2)
ONE = scenario_of("plain", jobs=1, clients=1)
FAULTS = st.lists(st.builds(Fault, step=st.integers(1, 120), kind=st.sampled_from(KINDS)), max_size=8)


def test_a_plan_is_one_line():
    plan = Plan(seed=5, rates={"error": 0.5}, faults=(Fault(3, "lost"),))
    assert Plan.read(str(plan)) == plan
    assert "\n" not in str(weather(1))


def test_every_kind_can_strike_somewhere():
    assert set(weather(0).rates) == set(KINDS)
    assert all(kinds for kinds in STRIKES.values())


@pytest.mark.timeout(counts(quick=60, ci=120, soak=7_200))
@settings(max_examples=counts(quick=60, ci=500, soak=20_000))
@given(seed=st.integers(0, 1 << 16), faults=FAULTS)
def test_whatever_goes_wrong_the_promises_hold(seed, faults):
    service_is_safe = [fault for fault in faults if fault.kind != "takeover"]
    report = simulate(FEW, plan=Plan(seed=seed, faults=tuple(service_is_safe)))
    assert report.lifecycles >= 1


def test_a_failure_shrinks_to_the_fault_that_matters(monkeypatch):
    monkeypatch.setattr(Mailbox, "read_up_to", lambda _self, position: position + 1)

    def fails(faults):
        try:
            simulate(ONE, plan=Plan(faults=tuple(faults)))
        except SimulationFailed:
            return True
        return False

    faults = st.lists(st.builds(Fault, step=st.integers(1, 40), kind=st.sampled_from(KINDS)), max_size=5)
    smallest = find(faults, fails, settings=settings(max_examples=300, derandomize=True, database=None))
    assert len(smallest) <= 2
    assert {fault.kind for fault in smallest} & {"kill-before", "kill-after", "restart", "takeover"}


def test_a_failure_says_how_to_repeat_it(monkeypatch):
    monkeypatch.setattr(Delivery, "_take_in", lambda *_: _nothing())
    plan = weather(11)
    with pytest.raises(SimulationFailed, match="did not hear every event") as failed:
        simulate(FEW, plan=plan)
    line = str(failed.value).rpartition("Plan.read('")[2].removesuffix("'))")
    assert Plan.read(line) == plan
    with pytest.raises(SimulationFailed) as again:
        simulate(FEW, plan=failed.value.struck)
    assert str(again.value).partition("\n")[0] == str(failed.value).partition("\n")[0]


async def _nothing():
    """Tell the subscriber nothing."""
