"""Whatever comes: only the documented error, in less than 100 ms, and in less than 64 MB."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from kyanite.errors import InvalidRequest
from tests.fuzz.campaign import GROWTH_BYTES_MAX, INPUT_S_MAX, campaign, judged
from tests.fuzz.formats import FORMATS, Format, complaint, made
from tests.reliability import counts, record

BUDGET = counts(quick=3_000, ci=200_000, soak=5_000_000)
SEED = int(os.environ.get("FUZZ_SEED", "1"))
"""One seed makes the same inputs always; another number in the environment makes others."""


def _halves():
    """The formats with their counts, for two processes that have about as much to do."""
    total = sum(kind.share for kind in FORMATS.values())
    wanted = [(name, -(-BUDGET * kind.share // total)) for name, kind in FORMATS.items()]
    order = sorted(wanted, key=lambda pair: pair[1], reverse=True)
    halves = ([], [])
    for pair in order:
        min(halves, key=lambda half: sum(count for _, count in half)).append(pair)
    return halves


def _run(wanted):
    command = [sys.executable, "-m", "tests.fuzz.campaign", str(SEED), *(f"{name}={count}" for name, count in wanted)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.timeout(counts(quick=60, ci=400, soak=4 * 3600))
def test_every_format_survives_its_share_of_the_budget():
    halves = _halves()
    with ThreadPoolExecutor(len(halves)) as threads:
        calls = list(threads.map(_run, halves))
    for call in calls:
        assert call.returncode == 0, call.stderr
    told = [json.loads(call.stdout.splitlines()[-1]) for call in calls]
    outcomes = [outcome for half in told for outcome in half["outcomes"]]
    failures = [failure for outcome in outcomes for failure in outcome["failures"]]
    assert not failures, "\n".join(["python -m tests.fuzz.campaign FORMAT BASE64 replays one:", *failures])
    inputs, slowest_s = sum(each["inputs"] for each in outcomes), max(each["slowest_s"] for each in outcomes)
    assert inputs >= BUDGET
    assert all(each["accepted"] for each in outcomes), "a format whose every input is refused is not tested"
    assert all(each["accepted"] < each["inputs"] for each in outcomes), "a format that refuses nothing is not tested"
    figure = (
        f"{inputs:,} inputs of {len(outcomes)} formats: only documented errors, the slowest {slowest_s * 1e3:.0f} ms"
    )
    record(
        "Parsers: only the documented error, < 100 ms and < 64 MB an input",
        figure,
        inputs=inputs,
        seed=SEED,
        slowest_s=slowest_s,
        growth_bytes=max(half["growth_bytes"] for half in told),
    )


def test_an_input_is_the_same_each_time():
    for name in FORMATS:
        assert made(name, 3, 5) == made(name, 3, 5)
    assert len({made("qio", 3, number) for number in range(50)}) > 25


def test_a_campaign_reports_what_is_not_documented(monkeypatch):
    def read(content):
        if b"9" in content:
            raise KeyError("9")
        raise ValueError("documented")

    kind = Format(lambda random: str(random.randrange(100)).encode(), read, (ValueError,), 1)
    monkeypatch.setitem(FORMATS, "odd", kind)
    outcome = campaign("odd", 1, 1_000)
    assert len(outcome["failures"]) == 5
    assert "KeyError is not documented" in outcome["failures"][0]
    assert "replay: odd " in outcome["failures"][0]
    assert complaint(kind, InvalidRequest("x" * 3_000, "")).startswith("the message has 3,")


def test_a_campaign_reports_what_takes_too_long_or_too_much(monkeypatch):
    slow = Format(lambda random: b"x", lambda content: sum(range(10**7)), (ValueError,), 1)
    monkeypatch.setitem(FORMATS, "slow", slow)
    assert campaign("slow", 1, 1)["failures"][0].startswith("slow, seed 1, input 0: it took 0.")
    large = Format(lambda random: b"x", lambda content: _refused(), (ValueError,), 1)
    monkeypatch.setitem(FORMATS, "large", large)
    assert judged("large", b"x")[0].startswith("MemoryError is not documented")
    assert INPUT_S_MAX == 0.1
    assert GROWTH_BYTES_MAX == 64 << 20


def _refused():
    raise MemoryError("as the limit of the process has it")
