"""A daemon, receivers, and webhooks from the one to the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from kyanite.config.settings import FINAL_TYPES, EventType
from kyanite.outlets.webhooks.definition import KeptSecret, Webhook
from kyanite.outlets.webhooks.register import Register
from kyanite.outlets.webhooks.secret import generate
from tests.bench.hooks.control import Control
from tests.bench.hooks.daemon_process import settings
from tests.bench.http.processes import Child, child

WORKSPACE = "default"
RECEIVERS = ("-m", "tests.bench.hooks.receivers_process")
DAEMON = ("-m", "tests.bench.hooks.daemon_process")
WITHIN_S = 120.0


class Receivers:
    """The process that receives."""

    def __init__(self, process: Child) -> None:
        """Connect to it."""
        control, port, dead = process.address.split()
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.dead_url = f"http://127.0.0.1:{dead}"
        """Where nobody listens."""
        self.control = Control(control)

    def reset(self) -> None:
        """Forget what has come."""
        self.control.ask("reset")

    def late_ms(self) -> list[float]:
        """Return the median, the 99th percentile and the most of the times from event to message."""
        return [late_s * 1e3 for late_s in self.control.ask("late")]

    def until(self, messages: int, within_s: float = WITHIN_S) -> dict[str, float]:
        """Wait until so many were taken; return the first and the last time. Raises `RuntimeError` if fewer were."""
        told: dict[str, float] = self.control.ask("until", messages, within_s)
        if told["taken"] < messages:
            message = f"{told['taken']:,} of {messages:,} messages came within {within_s:.0f} s"
            raise RuntimeError(message)
        return told


@contextmanager
def receiving() -> Iterator[Receivers]:
    """Yield receivers."""
    with ExitStack() as stack:
        found = Receivers(stack.enter_context(child(*RECEIVERS)))
        stack.callback(found.control.close)
        yield found


class Hooks:
    """The webhooks of a data folder, which a daemon follows."""

    def __init__(self, folder: Path) -> None:
        """Begin without any."""
        self.folder = folder
        self._register = Register(folder, settings(folder, "", ()).delivery)

    def add(self, name: str, url: str, on: Sequence[EventType] = FINAL_TYPES) -> None:
        """Have events go to a URL."""
        secrets = (KeptSecret(generate("v1").text),)
        self._register.add(Webhook(name=name, workspace=WORKSPACE, url=url, secrets=secrets, on=tuple(on)))

    def state(self, name: str, state: str) -> None:
        """Pause one, or have it go on, within a second."""
        self._register.change(WORKSPACE, name, state=state)


@contextmanager
def served(folder: Path, delays_s: Sequence[float] = ()) -> Iterator[tuple[Child, Control]]:
    """Yield a daemon, and where it takes commands."""
    with ExitStack() as stack:
        daemon = stack.enter_context(child(*DAEMON, str(folder), "127.0.0.1:0", *map(str, delays_s)))
        control = Control(daemon.address.split()[1])
        stack.callback(control.close)
        yield daemon, control


def jobs(control: Control, times: int, in_flight: int = 512, rate: float | None = None) -> dict[str, Any]:
    """Have jobs run in the daemon."""
    told: dict[str, Any] = control.ask("jobs", times, in_flight, rate)
    return told
