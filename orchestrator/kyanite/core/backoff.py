"""How long to wait before trying again: a pure function of the attempt, the policy and a random number handed in."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

CENTURY_S = 36_525 * 86_400.0
Seconds = Annotated[float, Meta(ge=0, le=CENTURY_S, description="seconds, from 0 to a century")]
Factor = Annotated[float, Meta(ge=1, le=1000, description="a number from 1 to 1000")]
Fraction = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]


class Backoff(Struct, frozen=True, forbid_unknown_fields=True):
    """Exponential delays: `first_s`, then `factor` times longer each time, at most `most_s`; jitter shortens them."""

    first_s: Seconds = 1.0
    factor: Factor = 2.0
    most_s: Seconds = 300.0
    jitter: Fraction = 0.5


def delay_s(attempt: int, policy: Backoff, random: float) -> float:
    """Return the seconds to wait after failed attempt number `attempt` (from 1), with `random` uniform in [0, 1).

    Jitter only ever shortens a delay, so `most_s` is a true bound.
    """
    exponent = min(max(attempt - 1, 0), 64)
    delay = min(policy.most_s, policy.first_s * policy.factor**exponent)
    return delay * (1.0 - policy.jitter * random)
