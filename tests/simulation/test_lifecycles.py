"""The whole runtime under ordinary bad luck, many times over."""

import pytest

from tests.reliability import FORM, counts, record
from tests.simulation.bulk import JOBS, bulk, in_two_processes

LIFECYCLES = counts(quick=2_000, ci=200_000, soak=5_000_000)


@pytest.mark.timeout(counts(quick=60, ci=240, soak=14_400))
def test_nothing_is_lost_doubled_or_changed():
    seeds = -(-LIFECYCLES * 102 // 100 // JOBS)  # deleted jobs count too; a crash before the first submit may cost one
    if FORM == "quick":
        totals, seconds = bulk(0, seeds), None
    else:
        totals, seconds = in_two_processes(seeds)
    assert totals["lifecycles"] >= LIFECYCLES
    assert totals["lives"] > totals["seeds"]
    assert totals["faults"] > totals["seeds"]
    per_second = {} if seconds is None else {"seconds": round(seconds, 1)}
    record(
        "Nothing is lost, doubled or changed, whatever fails",
        f"{totals['lifecycles']:,} simulated lifecycles, {totals['faults']:,} faults, {totals['lives']:,} lives:"
        " 0 violations",
        **totals,
        **per_second,
    )
