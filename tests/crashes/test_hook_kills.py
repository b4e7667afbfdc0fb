"""A daemon, killed at random moments while it delivers to webhooks that fail often: no event is lost, none is early."""

import anyio
import pytest

from tests.bench.hooks.killed import run
from tests.reliability import counts, record

JOBS = counts(quick=150, ci=1_200, soak=10_000)
KILLS = counts(quick=3, ci=6, soak=20)


@pytest.mark.timeout(counts(quick=60, ci=200, soak=900))
async def test_a_killed_daemon_loses_no_event(tmp_path):
    found = await anyio.to_thread.run_sync(run, tmp_path, JOBS, KILLS)
    assert found.sound, found
    assert found.events >= 4 * JOBS
    assert found.refused > 0
    assert found.asked > 0
    record(
        "Every final event reaches every receiver at least once, or is a dead letter after all attempts",
        f"{KILLS} kills of the daemon amid {found.events:,} events to two webhooks that fail 30 % of the time: 0 lost, "
        f"0 out of order, {found.repeated:,} heard again, {found.doubled:,} of these by the kills",
        **{name: value for name, value in found._asdict().items() if isinstance(value, int)},
    )
