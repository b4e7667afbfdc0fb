"""The parts of the documentation that are made from the code: `make docs` writes them, a test compares them.

A page holds such a part between `<!-- made by make docs: NAME -->` and `<!-- end: NAME -->`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from kyanite.core import lifecycle
from tests.house.tree import ROOT


def lifecycle_diagram() -> str:
    """The state diagram of a job, drawn from the table of transitions."""
    return f"```mermaid\n{lifecycle.diagram()}\n```"


PARTS: dict[str, tuple[Path, Callable[[], str]]] = {
    "lifecycle": (ROOT / "docs" / "lifecycle.md", lifecycle_diagram),
}


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
    """Write every part anew and name the pages that changed."""
    for name, (path, make) in PARTS.items():
        old = path.read_text(encoding="utf-8")
        new = renewed(old, name, make())
        path.write_text(new, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {'unchanged' if new == old else 'written'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
