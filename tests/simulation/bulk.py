"""Many runs, in this process or in two: `python -m tests.simulation.bulk FIRST SEEDS` prints what they came to."""

import subprocess
import sys
import time

import msgspec

from kyanite.testing.simulation import simulate, weather
from tests.simulation.scenarios import EVERYTHING, LEAN

JOBS = 100
TAKEOVERS = 0.001


def bulk(first, seeds):
    """Run these seeds; every tenth with a subscriber to everything, every fourth with takeovers."""
    totals = {"lifecycles": 0, "callbacks": 0, "steps": 0, "lives": 0, "faults": 0, "takeovers": 0, "seeds": seeds}
    for seed in range(first, first + seeds):
        plan = weather(seed, takeover=TAKEOVERS if seed % 4 == 0 else 0.0)
        report = simulate(EVERYTHING if seed % 10 == 0 else LEAN, plan=plan)
        totals["lifecycles"] += report.lifecycles
        totals["callbacks"] += report.callbacks
        totals["steps"] += report.steps
        totals["lives"] += report.lives
        totals["faults"] += len(report.faults)
        totals["takeovers"] += sum(fault.kind == "takeover" for fault in report.faults)
    return totals


def in_two_processes(seeds):
    """Run so many seeds in two processes; return their totals, and the seconds that it took."""
    begin = time.monotonic()
    half = seeds // 2
    shares = [(0, half), (half, seeds - half)]
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.bulk", *map(str, share)], stdout=subprocess.PIPE, text=True
        )
        for share in shares
    ]
    try:
        printed = [child.communicate()[0] for child in children]
    finally:
        for child in children:
            child.kill()
    if any(child.returncode for child in children):
        raise AssertionError(f"a run failed; its plan is above: {printed}")
    parts = [msgspec.json.decode(text) for text in printed]
    return {key: sum(part[key] for part in parts) for key in parts[0]}, time.monotonic() - begin


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(bulk(int(sys.argv[1]), int(sys.argv[2]))).decode())
