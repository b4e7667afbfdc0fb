"""`kyanite doctor`: how the installation is, and what to do about it."""

from __future__ import annotations

import gc
import sys
import textwrap
from collections import Counter
from collections.abc import AsyncIterable, Iterator
from typing import TYPE_CHECKING

import click

from kyanite.cli.exits import Exit
from kyanite.cli.interrupts import run
from kyanite.cli.loglines import log_lines
from kyanite.cli.opening import caring, resolved
from kyanite.cli.output import format_option, write, write_json
from kyanite.cli.screen import coloured, plain, width
from kyanite.cli.session import Session, pass_session
from kyanite.cli.views import record
from kyanite.cli.way import named

if TYPE_CHECKING:
    from kyanite.config import Resolved
    from kyanite.core.findings import Finding

COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}
STATE_CELLS, SUBJECT_CELLS = 9, 16
TEXT_CELLS_MIN = 40


@click.command()
@format_option("table", "table", "json")
@pass_session
def doctor(session: Session, /, style: str) -> int:
    """Look over the store, the blobs, the workers, the clock and the disks, and say what to do.

    Nothing in the data folder is created or changed; another process may execute jobs meanwhile. With --endpoint, the
    daemon looks itself over. The exit code is 1 if something failed.
    """
    from kyanite.errors import ConfigError

    findings: list[Finding] = []
    way = named(session)
    try:
        found = resolved(session)
    except ConfigError as error:
        _tell(findings, _misconfigured(error), style)
    else:
        if way is not None:
            caring(session, way, lambda care: _hear(care.findings(), findings, style))
        else:
            with log_lines(session, found):
                run(lambda: _examine(found, findings, style), session)
    if style == "table":
        write(_summary(findings))
    else:
        write_json([record(finding) for finding in findings], style)
    return Exit.ERROR if any(finding.state == "failed" for finding in findings) else Exit.OK


async def _examine(found: Resolved, findings: list[Finding], style: str) -> None:
    from kyanite.runtime.diagnosis import diagnose

    gc.enable()  # `main` has turned it off for commands that are over in a moment
    await _hear(diagnose(found), findings, style)


async def _hear(source: AsyncIterable[Finding], findings: list[Finding], style: str) -> None:
    async for finding in source:
        _tell(findings, finding, style)


def _tell(findings: list[Finding], finding: Finding, style: str) -> None:
    """Keep a finding; in a table, print it at once, since the next may take seconds."""
    findings.append(finding)
    if style == "table":
        for line in _lines(finding):
            write(line)
        sys.stdout.flush()


def _misconfigured(error: Exception) -> Finding:
    from kyanite.core.findings import Finding

    return Finding("configuration", "failed", str(error), "correct this first; nothing else was looked at")


def _lines(finding: Finding) -> Iterator[str]:
    """Yield a finding's text, and beneath it what to do."""
    state = click.style(finding.state, fg=COLOURS[finding.state]) if coloured(sys.stdout) else finding.state
    head = state + " " * (STATE_CELLS - len(finding.state)) + finding.subject.ljust(SUBJECT_CELLS)
    margin = " " * (STATE_CELLS + SUBJECT_CELLS)
    for line in _wrapped(finding.text, len(margin)):
        yield f"{head}{line}".rstrip()
        head = margin
    for number, line in enumerate(_wrapped(f"-> {finding.advice}" if finding.advice else "", len(margin))):
        yield f"{margin}{'   ' if number else ''}{line}"


def _wrapped(text: str, margin: int) -> list[str]:
    room = width(sys.stdout)
    cells = 10_000 if room is None else max(room - margin - 4, TEXT_CELLS_MIN)
    return textwrap.wrap(plain(text), cells, break_on_hyphens=False)


def _summary(findings: list[Finding]) -> str:
    counts: Counter[str] = Counter(finding.state for finding in findings)
    return ", ".join(f"{counts[state]} {state}" for state in COLOURS if counts[state])
