"""The fenced blocks of a Markdown page.

A block's first line may say more than its language: a `python` block marked `before` is shown and not executed, and any
block marked with a file's name is that file. A block marked `console` is a session in a terminal: commands after `$ `,
continued after `> `, each followed by what it prints.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_FENCE = re.compile(r"^```(\S*)[ \t]*([^\n]*)\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#", re.MULTILINE)
_COMMAND = re.compile(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", re.MULTILINE)
_FILE_NAME = re.compile(r"[\w.-]+\.\w+")


@dataclass(frozen=True)
class Block:
    """One fenced block: language, text, the line of its fence, the prose since the block before, and its mark."""

    language: str
    text: str
    line: int
    prose: str
    mark: str = ""

    @property
    def file_name(self) -> str | None:
        """The name of the file that the block is, if it is one."""
        return self.mark if _FILE_NAME.fullmatch(self.mark) else None


@dataclass(frozen=True)
class Command:
    """What is typed into a terminal, and what the page says that it prints."""

    line: str
    output: str


def blocks(page: str) -> list[Block]:
    """Every fenced block of the page, in order."""
    found, end = [], 0
    for match in _FENCE.finditer(page):
        line = page.count("\n", 0, match.start()) + 1
        found.append(Block(match[1], match[3], line, page[end : match.start()], match[2].strip()))
        end = match.end()
    return found


def scripts(page: str) -> list[tuple[Block, str | None]]:
    """Every unmarked Python block with the output it promises: the next block, if it is text in the same section."""
    ahead = [*blocks(page), Block("", "", 0, "# end")]
    return [
        (block, following.text if _is_output(following) else None)
        for block, following in pairwise(ahead)
        if block.language == "python" and not block.mark
    ]


def commands(block: Block) -> list[Command]:
    """The commands of a session, in order; `ValueError` for output that no command printed."""
    found = [Command(match[1].replace("\n> ", "\n").strip(), match[2]) for match in _COMMAND.finditer(block.text)]
    if not block.text.startswith("$ "):
        raise ValueError(f"the session in line {block.line} does not begin with a command")
    return found


def _is_output(block: Block) -> bool:
    return block.language == "text" and not _HEADING.search(block.prose)
