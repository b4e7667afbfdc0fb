"""The dots that the SDK prints while it waits."""

from __future__ import annotations

import sys
from concurrent.futures import Future, wait
from typing import Any

FIRST_S = 0.2
FACTOR = 1.5


def print_dots(ending: Future[Any], pause_max_s: float) -> None:
    """Return when the future is done. Until then, print a dot after each pause: 0.2 s, and half as much more each time.

    They end with a line break, so that what the script prints next begins a line.
    """
    pause_s, printed = min(FIRST_S, pause_max_s), False
    try:
        while wait([ending], pause_s).not_done:
            sys.stdout.write(".")
            sys.stdout.flush()
            printed = True
            pause_s = min(pause_s * FACTOR, pause_max_s)
    finally:
        if printed:
            sys.stdout.write("\n")
            sys.stdout.flush()
