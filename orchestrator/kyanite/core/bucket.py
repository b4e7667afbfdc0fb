"""How often something may happen: a token bucket as a single number, the time at which it will be full again.

The generic cell rate algorithm (ITU-T I.371): each token spent puts that time off by the interval between two tokens;
one may be spent as long as the bucket lacks no more than its capacity less one. Nothing has to run while nobody asks,
and a bucket whose time has passed is as good as new.
"""

from __future__ import annotations

import math

from kyanite.core.backoff import CENTURY_S

FULL = -math.inf
"""The state of a bucket that nothing was taken from yet."""
BURST_MIN = 10.0
TOLERANCE = 1e-9


def burst(per_s: float) -> float:
    """Return how many may come at once at this rate: as many as in one second, and ten at least."""
    return max(BURST_MIN, per_s)


def spend(full_at: float, now: float, per_s: float) -> tuple[float, float]:
    """Take a token, at `per_s` (above 0) in the long run: return when the bucket is full again, and 0.0.

    Where there is none, return `full_at` as it was, and the seconds until there will be one.
    """
    interval_s = min(1.0 / per_s, CENTURY_S)
    full_at = max(full_at, now)
    short_s = full_at - now - (burst(per_s) - 1.0) * interval_s
    # What is lost to rounding, relative to the numbers at hand, must not cost a second refusal.
    if short_s > TOLERANCE * max(1.0, interval_s):
        return full_at, short_s
    return full_at + interval_s, 0.0
