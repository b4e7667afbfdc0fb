"""How often, and for how long, a daemon that does not answer is tried again."""

from __future__ import annotations

import anyio

from kyanite.core.backoff import Backoff, delay_s
from kyanite.errors import KyaniteError, Unreachable
from kyanite.ports import Clock, Entropy

PAUSES = Backoff(first_s=0.2, factor=2.0, most_s=5.0, jitter=1.0)
"""Full jitter: many clients lose a daemon in the same moment, and must not come back in the same one."""


class Lost(Exception):
    """What was asked for did not come, and may come if it is asked for again."""

    def __init__(self, reason: str, retry_after_s: float = 0.0, error: KyaniteError | None = None) -> None:
        """Say why, when the daemon would like to be asked again, and what it has said itself."""
        self.retry_after_s = retry_after_s
        self.error = error
        super().__init__(reason)


class Retries:
    """The attempts at one thing. Time counts from the first failure since the last answer."""

    def __init__(self, clock: Clock, entropy: Entropy, patience_s: float) -> None:
        """Go on for `patience_s` at most."""
        self._clock = clock
        self._entropy = entropy
        self._patience_s = patience_s
        self._failures = 0
        self._since = 0.0

    def answered(self) -> None:
        """Count anew: the daemon is there."""
        self._failures = 0

    async def pause(self, lost: Lost) -> None:
        """Wait before the next attempt. Raises `Unreachable`, or what the daemon has said, when there is to be none."""
        now = self._clock.monotonic()
        if self._failures == 0:
            self._since = now
        self._failures += 1
        pause_s = max(delay_s(self._failures, PAUSES, self._entropy.random()), lost.retry_after_s)
        if now + pause_s - self._since > self._patience_s:
            raise lost.error or Unreachable(str(lost)) from lost
        await anyio.sleep(pause_s)
