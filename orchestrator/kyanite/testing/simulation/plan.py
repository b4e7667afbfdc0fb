"""What goes wrong in a run, as data: chances for each kind of fault, and faults at certain steps.

Every call of a port is a step, and steps are counted over the whole run. A plan and a seed repeat a run exactly; a plan
that only lists faults is what Hypothesis draws and shrinks.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import replace

STORE = ("error", "slow", "hang")
WRITE = (*STORE, "lost", "full")
LIFE = ("kill-before", "kill-after", "clock", "takeover", "visit", "restart")

STRIKES: Mapping[str, tuple[str, ...]] = {
    "store.open": ("error", "slow"),
    "store.commit": (*WRITE, *LIFE),
    "store.read": (*STORE, *LIFE),
    "store.cursors": (*STORE, "lost", *LIFE),
    "store.purge": (*STORE, "lost", *LIFE),
    "store.sessions": (*STORE, "lost", *LIFE),
    "blobs.open": ("error", "slow"),
    "blobs.put": (*WRITE, "torn", *LIFE),
    "blobs.read": (*STORE, "torn", *LIFE),
    "blobs.delete": (*STORE, "lost", *LIFE),
    "provider.inspect": ("refuse", "crash", "hang", *LIFE),
    "provider.begin": ("refuse", "retry", "crash", "hang", "deaf", "nonsense", "await-cancel", "stray-cancel", *LIFE),
    "provider.end": ("refuse", "retry", "crash", "slow", "twice", *LIFE),
    "subscriber": ("error", "slow", "stray-cancel", *LIFE),
    "service": ("error", "lost", "slow", *LIFE),
}
"""Which faults can strike where.

`error`: refused, nothing happened. `lost`: it happened, and the caller hears of a failure. `slow`: it takes seconds.
`hang`: it takes ten minutes and then fails. `full`: no space. `torn`: stopped in the middle. `kill-before`,
`kill-after`: `kill -9` of the process, before the step takes effect or between effect and answer. `clock`: the wall
clock jumps by an hour or a day, forward or back. `takeover`: a second process takes the store over, and the first
does not know it. `visit`: a second process tries to open the store. `restart`: the process stops in good order.
A provider: `refuse`, `retry` and `crash` raise a `ProviderError`, a `RetryableError` and something unforeseen; `deaf`
does not end for a while when it is cancelled; `nonsense` reports impossible progress; `await-cancel` answers only
after a cancel or a long time; `stray-cancel` raises a `CancelledError` of its own; `twice` writes the output again.
"""

KINDS = tuple(sorted({kind for kinds in STRIKES.values() for kind in kinds}))
WEATHER: Mapping[str, float] = {
    "error": 0.02,
    "lost": 0.02,
    "slow": 0.02,
    "hang": 0.001,
    "full": 0.005,
    "torn": 0.01,
    "kill-before": 0.001,
    "kill-after": 0.001,
    "clock": 0.001,
    "takeover": 0.0002,
    "visit": 0.0005,
    "restart": 0.0005,
    "refuse": 0.01,
    "retry": 0.05,
    "crash": 0.01,
    "deaf": 0.01,
    "nonsense": 0.02,
    "await-cancel": 0.02,
    "stray-cancel": 0.005,
    "twice": 0.01,
}
"""Ordinary bad luck: what `simulate` assumes unless it is given a plan."""

SLOW_S = 20.0
HANG_S = 600.0
JUMPS_S = (-86_400.0, -3_600.0, 3_600.0, 86_400.0)


class Fault(Struct, frozen=True, array_like=True, order=True):
    """This kind of fault strikes at this step, if it can strike there."""

    step: int
    kind: str


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that decides a run, besides the code: the order of callbacks comes from the seed, as do the faults."""

    seed: int = 0
    rates: dict[str, float] = {}
    """The chance of each kind at each step where it can strike."""
    faults: tuple[Fault, ...] = ()

    def __str__(self) -> str:
        """Return the plan as one line, which `Plan.read` understands."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, line: str) -> Plan:
        """Read what `str` has written. Raises `msgspec.ValidationError`."""
        return msgspec.json.decode(line, type=cls)


def weather(seed: int, **changes: float) -> Plan:
    """Return a plan of ordinary bad luck, with some chances changed."""
    return Plan(seed=seed, rates={**WEATHER, **{kind.replace("_", "-"): rate for kind, rate in changes.items()}})


class Dice:
    """Decides at each step of a run what goes wrong there, and remembers what did."""

    def __init__(self, plan: Plan) -> None:
        """Follow this plan."""
        self.step = 0
        self.struck: list[Fault] = []
        self.places: list[str] | None = None
        """Where each step was, once `record` has been called."""
        self._plan = plan
        self._planned = {fault.step: fault.kind for fault in plan.faults}
        self._draw = random.Random(plan.seed + 1).random
        self._chances = {place: _chances(kinds, plan.rates) for place, kinds in STRIKES.items()}
        self._calm = not plan.rates

    def record(self) -> None:
        """Note from now on where each step was."""
        self.places = []

    def stop(self) -> None:
        """Leave nothing more to chance; what the plan lists by its step still strikes."""
        self._calm = True

    def at(self, place: str) -> str | None:
        """Take the next step, at this place, and return what goes wrong with it."""
        self.step += 1
        if self.places is not None:
            self.places.append(place)
        kind = self._planned.get(self.step) if self._planned else None
        if kind is not None:
            kind = kind if kind in STRIKES[place] else None
        elif not self._calm:
            chances = self._chances[place]
            drawn = self._draw()
            if chances and drawn < chances[-1][0]:
                kind = next(kind for bound, kind in chances if drawn < bound)
        if kind is not None:
            self.struck.append(Fault(self.step, kind))
        return kind

    def measure(self, most: float) -> float:
        """Return how long, or how much: the same for the same seed and step, however the fault came to be."""
        return random.Random(self._plan.seed * 1_000_003 + self.step).random() * most

    def as_list(self) -> Plan:
        """Return the plan that lists the faults that have struck, and no chances: it repeats the run."""
        return replace(self._plan, rates={}, faults=tuple(self.struck))


def _chances(kinds: Iterable[str], rates: Mapping[str, float]) -> list[tuple[float, str]]:
    bounds: list[tuple[float, str]] = []
    total = 0.0
    for kind in kinds:
        if rates.get(kind, 0.0) > 0.0:
            total += rates[kind]
            bounds.append((total, kind))
    return bounds
