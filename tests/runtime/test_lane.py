from kyanite.core.job import Target
from kyanite.core.queueing import Slots
from kyanite.runtime.lane import Lane
from kyanite.testing.stores import a_job


def lane_of(window):
    return Lane("default", Target(id="acme.echo", provider_id="acme"), None, window, Slots(64))


def test_nothing_is_shed_during_a_refill_which_would_lose_it():
    """Shed jobs lie past the boundary; a refill that was under way would put the boundary behind them."""
    lane = lane_of(window=2)
    lane.refilled([a_job(10)])
    for number in range(6):
        lane.admit(a_job(number))
    assert lane.overfull
    lane.refilling = True
    assert not lane.overfull
    lane.refilled([a_job(20)])
    assert lane.overfull
    out = lane.shed(lambda address: False)
    assert [ready.job_id for ready in out] == [f"job{number:05}" for number in range(2, 6)]
    assert lane.boundary == (1.0, "job00001")
    assert not lane.belongs_in_window(a_job(2))
    assert lane.belongs_in_window(a_job(0))


def test_jobs_that_have_begun_before_are_kept_when_others_are_shed():
    lane = lane_of(window=2)
    lane.refilled([])
    for number in range(6):
        lane.admit(a_job(number))
    out = lane.shed(lambda address: address == ("default", "job00005"))
    assert [ready.job_id for ready in out] == ["job00002", "job00003", "job00004"]
    assert "job00005" in lane.queue
