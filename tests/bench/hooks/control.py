"""Commands to a process beside the one that measures: an array of JSON a line, each answered by a line."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

Action: TypeAlias = Callable[..., Awaitable[Any]]
ANSWER_WITHIN_S = 300.0


class Control:
    """Where a process takes commands. Raises `OSError` where it answers none."""

    def __init__(self, address: str) -> None:
        """Connect to `HOST:PORT`."""
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), ANSWER_WITHIN_S)
        self._lines = self._socket.makefile("rb")

    def ask(self, *command: Any) -> Any:
        """Give a command, and return its answer. Raises `ConnectionError` if there is none."""
        self._socket.sendall(json.dumps(command).encode() + b"\n")
        answer = self._lines.readline()
        if not answer:
            raise ConnectionError(command[0])
        return json.loads(answer)

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()


@asynccontextmanager
async def obeying(actions: Mapping[str, Action]) -> AsyncIterator[str]:
    """Do what is asked on any connection, one command of each at a time, as long as the block lasts; yield where."""

    async def obey(commands: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        while line := await commands.readline():
            name, *arguments = json.loads(line)
            answers.write(json.dumps(await actions[name](*arguments)).encode() + b"\n")
        answers.close()

    async with await asyncio.start_server(obey, "127.0.0.1", 0) as server:
        yield "{}:{}".format(*server.sockets[0].getsockname())
