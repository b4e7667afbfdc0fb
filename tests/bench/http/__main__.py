"""Runs the groups that are named, or all of them, prints their tables, and writes them into docs/performance.md."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence

from tests.bench import groups
from tests.bench.http.idle import idle
from tests.bench.http.jobs import jobs, polls, submits
from tests.bench.http.native import native
from tests.bench.http.run import run
from tests.bench.http.stalled import stalled
from tests.bench.http.streams import storm, streams
from tests.bench.http.transfers import transfers
from tests.bench.scale import Scale
from tests.bench.table import Grid

GROUPS: dict[str, Callable[[Scale], Grid]] = {
    "jobs": jobs,
    "submits": submits,
    "polls": polls,
    "native": native,
    "transfers": transfers,
    "idle": idle,
    "streams": streams,
    "storm": storm,
    "stalled": stalled,
}
"""By name; the docstring is the title."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return the exit status."""
    options = groups.parsed(arguments, "python -m tests.bench.http", __doc__, GROUPS)
    return run(options, "bench-http", "Daemon", GROUPS)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this early ends the servers, too
    sys.exit(main())
