"""Log lines on stderr, for those who ask for them with -v, and warnings for everybody."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from kyanite.cli.session import Session
    from kyanite.config import Resolved

Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LEVELS: tuple[Level, ...] = ("WARNING", "INFO", "DEBUG")


class LogLines(logging.Handler):
    """Sets logging up when the first line comes: most commands log nothing and need not wait for it."""

    def __init__(self, style: str) -> None:
        """Remember how lines are to look."""
        self._style = style
        super().__init__()

    def emit(self, record: logging.LogRecord) -> None:
        """Set logging up, and hand the line on."""
        from kyanite import logs

        library = logging.getLogger("kyanite")
        logs.configure(self._style, level=logging.getLevelName(library.level))
        library.handle(record)


@contextmanager
def log_lines(session: Session, resolved: Resolved) -> Iterator[None]:
    """Print log lines from the level that is asked for, and leave logging as it was before."""
    library = logging.getLogger("kyanite")
    before = library.handlers, library.level, library.propagate
    library.handlers = [LogLines(resolved.settings.log.style)]
    library.setLevel(level(session, resolved))
    library.propagate = False
    try:
        yield
    finally:
        library.handlers, library.propagate = before[0], before[2]
        library.setLevel(before[1])


def level(session: Session, resolved: Resolved) -> Level:
    """Return what -q and -v say, else what was set by somebody; the default is for programs that run on and on."""
    if session.quiet:
        return "ERROR"
    if not session.verbose and "log.level" in resolved.origins:
        return resolved.settings.log.level
    return LEVELS[min(session.verbose, len(LEVELS) - 1)]
