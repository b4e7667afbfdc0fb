"""How often each client may ask: a token bucket for each key or address, and never more than so many of them."""

from __future__ import annotations

from collections import OrderedDict

from kyanite.core.bucket import FULL, spend

CLIENTS_MAX = 20_000


class Rates:
    """What clients have asked lately, each under whatever tells it from the others, such as the id of its key.

    A client that was not heard of for long, or the longest of more than `clients_max`, is forgotten, and begins anew.
    """

    def __init__(self, per_s: float, clients_max: int = CLIENTS_MAX) -> None:
        """Let each client make `per_s` requests a second in the long run; 0: as many as it likes."""
        self._per_s = per_s
        self._clients_max = clients_max
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def ask(self, client: str, now: float) -> float:
        """Return 0.0 if the client may, else the seconds to wait; `now` is of a clock that only grows."""
        if not self._per_s:
            return 0.0
        full_at, wait_s = spend(self._full_at.get(client, FULL), now, self._per_s)
        self._full_at[client] = full_at
        self._full_at.move_to_end(client)
        self._forget(now)
        return wait_s

    def _forget(self, now: float) -> None:
        """Let go of the two that were heard of last the longest ago, if they are as good as new, or one too many."""
        for _ in range(2):
            client, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) <= self._clients_max:
                return
            del self._full_at[client]
            if not self._full_at:
                return
