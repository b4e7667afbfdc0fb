"""What each thread of this process has cost so far."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_NUMBER = re.compile(r"[-_ ]?\d+$")


def times_s() -> dict[str, float]:
    """Return seconds of processor time by thread name; threads that are called alike are one entry.

    Linux tells nanoseconds on the processor in `schedstat`.
    """
    spent: defaultdict[str, float] = defaultdict(float)
    for thread in threading.enumerate():
        with suppress(FileNotFoundError):  # it ended just now
            told = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text(encoding="ascii")
            spent[_NUMBER.sub("", thread.name)] += int(told.split()[0]) / 1e9
    return dict(spent)
