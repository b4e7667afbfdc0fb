"""The input of a job, as a file: one named on the command line, or a copy of what comes through a pipe."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kyanite.cli.exits import Stop
from kyanite.cli.screen import plain
from kyanite.cli.session import Session

STDIN = "-"
QIO_FORMAT = "microsoft.qio.v2"
GZIP = b"\x1f\x8b"
WHOLE_BYTES_MAX = 4 << 20
"""Up to this size, JSON is read before it is submitted: then a person hears at once what is wrong with it."""


@contextmanager
def input_file(session: Session, name: str) -> Iterator[Path]:
    """Yield a plain file; what can be read only once is copied to one before. Raises `OSError`."""
    if name == STDIN and sys.stdin.isatty():
        session.say("reading the input from the keyboard; Ctrl-D ends it")
    with sys.stdin.buffer if name == STDIN else Path(name).open("rb") as source:
        if name != STDIN and Path(name).is_file():
            yield Path(name)
            return
        with tempfile.NamedTemporaryFile(prefix="kyanite-input-") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
            yield Path(copy.name)


def job_name(name: str) -> str | None:
    """Return what to call a job after its input's file; nothing for a pipe."""
    if name == STDIN or not Path(name).is_file():
        return None
    return plain(Path(name).name.removesuffix(".gz").removesuffix(".json")) or None


def check_problem(path: Path, name: str) -> None:
    """Look whether the file can hold a problem. Raises `Stop`; the provider sees to what is said in it."""
    with path.open("rb") as file:
        head = file.read(WHOLE_BYTES_MAX + 1)
    if head.startswith(GZIP):
        return
    shown = "the input" if name == STDIN else name
    if not head.strip():
        raise Stop(f"{shown} is empty")
    if len(head) <= WHOLE_BYTES_MAX:
        _check_json(head, shown)
    elif head.lstrip()[:1] != b"{":
        raise Stop(f"{shown} is not JSON: it begins with {plain(head[:20].decode(errors='replace'))!r}")


def _check_json(content: bytes, shown: str) -> None:
    import msgspec

    try:
        msgspec.json.decode(content, type=msgspec.Raw)
    except (ValueError, RecursionError) as error:
        raise Stop(f"{shown} is not JSON: {error}") from error
