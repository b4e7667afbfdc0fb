"""A terminal for tests: a pseudoterminal, and what would stand on its screen."""

import asyncio
import codecs
import fcntl
import os
import pty
import re
import struct
import termios
from contextlib import contextmanager

import anyio

PATIENCE_S = 20.0
CONTROL = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")
UNFINISHED = re.compile(r"\x1b(\[[0-9;?]*)?$")
MARK = "\x1b[m"
"""Changes nothing: whoever has written it and sees it come out has seen all that was written before."""


class Screen:
    """Lines as a terminal of endless height shows them; knows what the live display uses, and nothing else."""

    def __init__(self):
        self.lines = [""]
        self.row = self.column = 0
        self.cursor = True
        self.raw = ""

    def feed(self, text):
        self.raw += text
        position = 0
        while position < len(text):
            found = CONTROL.match(text, position)
            assert found, f"unknown to this terminal: {text[position : position + 20]!r}"
            self._do(*found.groups())
            position = found.end()

    def _do(self, numbers, final, move, letters):
        match final or move or "":
            case "\r":
                self.column = 0
            case "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            case "A":
                self.row = max(self.row - int(numbers or 1), 0)
            case "K":
                assert numbers == "2"
                self.lines[self.row] = ""
            case "h" | "l":
                assert numbers == "?25"
                self.cursor = final == "h"
            case "m":
                assert re.fullmatch(r"[0-9;]*", numbers)
            case _:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + letters + line[self.column + len(letters) :]
                self.column += len(letters)

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self.lines).strip("\n")


class Terminal:
    """A pseudoterminal whose screen can be waited for; `follower` is the end that programs write to."""

    def __init__(self, columns=80, rows=24):
        self.screen = Screen()
        self.leader, self.follower = pty.openpty()
        self.changed = anyio.Event()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._partial = ""
        self.resize(columns, rows)

    def resize(self, columns, rows):
        fcntl.ioctl(self.leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self):
        try:
            chunk = os.read(self.leader, 65_536)
        except OSError:  # nobody holds the other end
            asyncio.get_running_loop().remove_reader(self.leader)
            return
        text = self._partial + self._decoder.decode(chunk)
        whole = UNFINISHED.sub("", text)
        self._partial = text[len(whole) :]
        self.screen.feed(whole)
        self.changed.set()

    async def until(self, condition):
        """Return the screen's text once the condition holds of it."""
        with anyio.fail_after(PATIENCE_S):
            while not condition(self.screen.text):
                self.changed = anyio.Event()
                await self.changed.wait()
        return self.screen.text

    async def settled(self):
        """Return the screen's text when all that was written has arrived."""
        os.write(self.follower, MARK.encode())
        return await self.until(lambda _: self.screen.raw.endswith(MARK))

    async def shows(self, *parts):
        return await self.until(lambda text: all(part in text for part in parts))


@contextmanager
def terminal(columns=80, rows=24):
    """A terminal that is read while the block runs, in the event loop."""
    opened = Terminal(columns, rows)
    loop = asyncio.get_running_loop()
    loop.add_reader(opened.leader, opened._read)
    try:
        yield opened
    finally:
        loop.remove_reader(opened.leader)
        os.close(opened.leader)
        os.close(opened.follower)
