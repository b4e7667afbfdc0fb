"""The end of the program: whatever is still open is closed then, in order, so that a script may forget to.

There is one moment for it: when the main thread has ended, and before `concurrent.futures` refuses work for good, which
a workspace needs to store what is left. `atexit`, and a thread that joins the main thread, both come later. The hook is
the one by which `concurrent.futures` itself, and anyio, learn of the end. It has no public name; an interpreter without
it ends a forgetful script as a crash would: the store is durable, and jobs that were executing are run again.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401  # its hook must be registered before ours, which runs first then
import os
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakKeyDictionary

from kyanite.errors import WorkspaceClosed

QUIET_S = 0.5
"""How long closing may take before somebody is told what it waits for."""
MARGIN_S = 10.0
"""What closing may take beyond the grace times of the settings."""
HURRY_S = 5.0
"""What it may take when the grace times are cut short."""


class Closing(Protocol):
    """What has to be closed."""

    @property
    def grace_s(self) -> float:
        """How long what it drives may take to end."""

    def begin_to_close(self, *, hurry: bool) -> list[Future[None]]:
        """Begin to close every part, and return what is done when each has been."""

    def finish(self, timeout_s: float) -> bool:
        """Close what is left when all parts are, and tell whether everything is closed."""


@dataclass
class _Known:
    """What is known of the end of this program."""

    open: list[Closing] = field(default_factory=list)
    callers: WeakKeyDictionary[threading.Thread, bool] = field(default_factory=WeakKeyDictionary)
    """The threads that have used a workspace, and whether each is to be waited for."""
    hooked: bool = False
    ending: bool = False


_known = _Known()


def expect(closing: Closing) -> None:
    """Close this when the program ends, unless it is closed by then. Raises `WorkspaceClosed` while it ends."""
    if not _known.hooked:
        _known.ending = not _hook(close_all)
        _known.hooked = True
    if _known.ending:
        raise WorkspaceClosed("the program is ending")
    if closing not in _known.open:
        _known.open.append(closing)


def note_caller() -> None:
    """Remember the calling thread if the interpreter waits for its end: it must find its workspace open until then."""
    thread = threading.current_thread()
    if not thread.daemon and thread is not threading.main_thread() and thread not in _known.callers:
        _known.callers[thread] = not _serves_a_pool()


def close_all() -> None:
    """Wait for the threads that still use a workspace, then close all of them."""
    hurry = issubclass(getattr(sys, "last_type", None) or object, KeyboardInterrupt)
    try:
        for thread in [thread for thread, awaited in list(_known.callers.items()) if awaited]:
            thread.join()
        _known.ending = True
        done = _closed(hurry=hurry)
    except KeyboardInterrupt:
        _known.ending = True
        done = _closed(hurry=True)
    if not done:
        _say("not everything could be closed in time; what was executing runs again next time")


def _hook(action: Callable[[], None]) -> bool:
    """Have this called at the end of the main thread; tell whether that is still to come."""
    register = getattr(threading, "_register_atexit", None)
    if register is not None:
        try:
            register(action)
        except RuntimeError:
            return False
    return True


def _closed(*, hurry: bool) -> bool:
    grace_s = max((closing.grace_s for closing in _known.open), default=0.0)
    parts = [part for closing in _known.open for part in closing.begin_to_close(hurry=hurry)]
    if hurry:
        wait(parts, HURRY_S)
    elif wait(parts, QUIET_S).not_done:
        _say(
            f"jobs that are executing have up to {grace_s:g} s to end; those that do not will go on when the workspace "
            "is opened again (Ctrl-C leaves at once)"
        )
        wait(parts, 2 * grace_s + MARGIN_S)
    unfinished = [closing for closing in _known.open if not closing.finish(HURRY_S)]
    return not unfinished


def _say(text: str) -> None:
    sys.stderr.write(f"kyanite: {text}\n")


def _serves_a_pool() -> bool:
    """Tell whether this is a worker of `concurrent.futures`: it ends only after us, and must not be waited for."""
    return any(
        frame.f_globals.get("__name__") == "concurrent.futures.thread" for frame, _ in traceback.walk_stack(None)
    )


def _forget() -> None:
    _known.open.clear()
    _known.callers.clear()


os.register_at_fork(after_in_child=_forget)
