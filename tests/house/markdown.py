"""The fenced blocks of a Markdown page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block: language, text, the line of its fence, and the prose since the block before."""

    language: str
    text: str
    line: int
    prose: str


def blocks(page: str) -> list[Block]:
    """Every fenced block of the page, in order."""
    found, end = [], 0
    for match in _FENCE.finditer(page):
        line = page.count("\n", 0, match.start()) + 1
        found.append(Block(match[1], match[2], line, page[end : match.start()]))
        end = match.end()
    return found


def scripts(page: str) -> list[tuple[Block, str | None]]:
    """Every Python block with the output it promises: the next block, if it is text in the same section."""
    ahead = [*blocks(page), Block("", "", 0, "# end")]
    return [
        (block, following.text if _is_output(following) else None)
        for block, following in pairwise(ahead)
        if block.language == "python"
    ]


def _is_output(block: Block) -> bool:
    return block.language == "text" and not _HEADING.search(block.prose)
