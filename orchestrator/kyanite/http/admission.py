"""How much one client may ask: so often, and so much at once. Others are not told to wait for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from kyanite.config import ServerSettings
from kyanite.errors import CallerError
from kyanite.http.rates import Rates

PAUSE_S = 1.0
"""When to come back, for a client that waits for so many answers already."""


class TooManyRequests(CallerError):
    """The client asks too much."""

    def __init__(self, particulars: str, retry_after_s: float) -> None:
        """Say when to come back."""
        self.retry_after_s = retry_after_s
        super().__init__(particulars)


class Admission:
    """What each client is being answered now, and has asked lately. A client is a key, or an address without one."""

    def __init__(self, settings: ServerSettings) -> None:
        """Admit as much as these say."""
        self._per_s = settings.requests_per_s
        self._at_once = settings.requests_max
        self._rates = Rates(settings.requests_per_s)
        self._answering: Counter[str] = Counter()

    def check(self, client: str, now_s: float) -> None:
        """Take note of a request, at a time of a clock that only grows. Raises `TooManyRequests`."""
        wait_s = self._rates.ask(client, now_s)
        if wait_s:
            raise TooManyRequests(f"server.requests_per_s is {self._per_s:g}", wait_s)

    @contextmanager
    def answering(self, client: str) -> Iterator[None]:
        """Count a request as long as it is being answered. Raises `TooManyRequests`."""
        if self._answering[client] >= self._at_once:
            raise TooManyRequests(f"so many are being answered; server.requests_max is {self._at_once:,}", PAUSE_S)
        self._answering[client] += 1
        try:
            yield
        finally:
            self._answering[client] -= 1
            if not self._answering[client]:
                del self._answering[client]
