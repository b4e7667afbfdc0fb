"""The parts of the documentation that are made from the code: `make docs` writes them, a test compares them.

A page holds such a part between `<!-- made by make docs: NAME -->` and `<!-- end: NAME -->`. Some files are made whole.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from kyanite.core import lifecycle
from tests.house import commands, http_api, metrics, reference, settings, solvers, targets
from tests.house.tree import ROOT


def lifecycle_diagram() -> str:
    """The state diagram of a job, drawn from the table of transitions."""
    return f"```mermaid\n{lifecycle.diagram()}\n```"


def lifecycle_table() -> str:
    """The same table as it is: every event, what it says, and what follows it in each status."""
    rows = [
        f"| `{event.__name__}` | {reference.summary(event.__doc__ or '')} | {' | '.join(_after(event))} |"
        for event in lifecycle.EVENTS
    ]
    return "\n".join(["| event | what it says | Waiting | Executing |", "|---|---|---|---|", *rows])


def _after(event: lifecycle.EventType) -> Iterator[str]:
    for before, row in lifecycle.TRANSITIONS.items():
        after = row[event]
        if not before.final:
            yield "refused" if after is None else "stays" if after is before else after.value


def decisions() -> str:
    """The list of decisions, by number."""
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    titles = [page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for page in pages]
    return "\n".join(f"- [{title}](decisions/{page.name})" for page, title in zip(pages, titles, strict=True))


PARTS: dict[str, tuple[Path, Callable[[], str]]] = {
    "lifecycle": (ROOT / "docs" / "lifecycle.md", lifecycle_diagram),
    "transitions": (ROOT / "docs" / "lifecycle.md", lifecycle_table),
    "commands": (ROOT / "docs" / "command-line.md", commands.reference),
    "exit codes": (ROOT / "docs" / "command-line.md", commands.exit_codes),
    "settings": (ROOT / "docs" / "configuration.md", settings.table),
    "settings file": (ROOT / "docs" / "configuration.md", settings.file),
    "operations": (ROOT / "docs" / "http-api.md", http_api.table),
    "metrics": (ROOT / "docs" / "metrics.md", metrics.table),
    "targets": (ROOT / "docs" / "solvers.md", targets.table),
    "solvers": (ROOT / "docs" / "porting.md", solvers.table),
    "decisions": (ROOT / "docs" / "decisions.md", decisions),
    "reference": (ROOT / "docs" / "reference" / "index.md", reference.index),
    **{
        title: (ROOT / "docs" / "reference" / f"{title}.md", partial(reference.page, title))
        for title in reference.PAGES
    },
}

FILES: dict[Path, Callable[[], str]] = {ROOT / "docs" / "openapi.json": http_api.document}
"""What is made as a whole."""


def renewed(page: str, name: str, part: str) -> str:
    """The page with the named part put in; `ValueError` for a page that has no place for it."""
    begin, end = f"<!-- made by make docs: {name} -->\n", f"<!-- end: {name} -->"
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        message = f"the page has no lines {begin.strip()!r} and {end!r}"
        raise ValueError(message)
    return f"{before}{begin}\n{part}\n\n{end}{after}"


def main() -> int:
    """Write every part and every file anew, and name the pages that changed."""
    for name, (path, make) in PARTS.items():
        old = path.read_text(encoding="utf-8")
        new = renewed(old, name, make())
        path.write_text(new, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {'unchanged' if new == old else 'written'}")
    for path, write in FILES.items():
        path.write_text(write(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
