"""A fuzz campaign in a process of its own: `python -m tests.fuzz.campaign SEED FORMAT=COUNT...`, or one input again.

The process may not grow by more than 64 MiB of address space over what it has once everything is imported and every
format was read: an input that wants more ends in a `MemoryError`, which no format documents. An input's time is the
CPU time of the thread, so that a busy machine does not count. The last line printed is the outcome as JSON.

    python -m tests.fuzz.campaign FORMAT BASE64     reads one input again, with its traceback
"""

import base64
import json
import resource
import sys
import time
from pathlib import Path

from tests.fuzz.formats import FORMATS, complaint, made

INPUT_S_MAX = 0.1
GROWTH_BYTES_MAX = 64 << 20
WARM_INPUTS = 200
FAILURES_MAX = 5
PAGE_BYTES = resource.getpagesize()


def limited() -> int:
    """Allow the process no more than the growth, and return how much memory it holds now."""
    pages, resident, *_ = map(int, Path("/proc/self/statm").read_text().split())
    most = pages * PAGE_BYTES + GROWTH_BYTES_MAX
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return resident * PAGE_BYTES


def judged(name: str, content: bytes) -> tuple[str | None, bool, float]:
    """Read an input; return what is wrong with how that went, whether it was taken, and the seconds it took."""
    kind, wrong, taken = FORMATS[name], None, False
    began_s = time.thread_time()
    try:
        kind.read(content)
        taken = True
    except Exception as error:  # noqa: BLE001  # any other than the documented one is the finding
        wrong = complaint(kind, error)
        if wrong:
            wrong += f": {type(error).__name__}: {str(error)[:200]}"
    spent_s = time.thread_time() - began_s
    return wrong, taken, spent_s


def campaign(name: str, seed: int, count: int) -> dict:
    """Read so many inputs of a format."""
    failures, accepted, slowest_s = [], 0, 0.0
    for number in range(count):
        content = made(name, seed, number)
        wrong, taken, spent_s = judged(name, content)
        if wrong is None and spent_s > INPUT_S_MAX:
            # Once more: the first time may have collected everybody's garbage.
            wrong, taken, spent_s = judged(name, content)
            if spent_s > INPUT_S_MAX:
                wrong = f"it took {spent_s:.3f} s"
        accepted += taken
        slowest_s = max(slowest_s, spent_s)
        if wrong:
            encoded = base64.b64encode(content).decode()
            failures.append(f"{name}, seed {seed}, input {number}: {wrong}\n  replay: {name} {encoded}")
            if len(failures) >= FAILURES_MAX:
                break
    return {"format": name, "inputs": count, "accepted": accepted, "slowest_s": slowest_s, "failures": failures}


def main(arguments: list[str]) -> None:
    if arguments[0] in FORMATS:
        FORMATS[arguments[0]].read(base64.b64decode(arguments[1]))
        return
    seed = int(arguments[0])
    wanted = {name: int(count) for name, _, count in (argument.partition("=") for argument in arguments[1:])}
    for name in wanted:
        for number in range(WARM_INPUTS):
            judged(name, made(name, -1, number))
    before = limited()
    outcomes = [campaign(name, seed, count) for name, count in wanted.items()]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"outcomes": outcomes, "growth_bytes": max(peak - before, 0)}))  # noqa: T201  # the outcome


if __name__ == "__main__":
    main(sys.argv[1:])
