"""Runs the groups that are named, or all of them, prints their tables, and writes them into docs/performance.md."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence

from tests.bench import groups
from tests.bench.hooks.core import core
from tests.bench.hooks.deliveries import latency, rates
from tests.bench.hooks.killed import kills
from tests.bench.http.run import run
from tests.bench.scale import Scale
from tests.bench.table import Grid

GROUPS: dict[str, Callable[[Scale], Grid]] = {"rates": rates, "latency": latency, "core": core, "kills": kills}
"""By name; the docstring is the title."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return the exit status."""
    options = groups.parsed(arguments, "python -m tests.bench.hooks", __doc__, GROUPS)
    return run(options, "bench-hooks", "Webhooks", GROUPS)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this early ends the processes, too
    sys.exit(main())
