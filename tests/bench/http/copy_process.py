"""The other end of a plain copy: `python -m tests.bench.http.copy_process [FILE]`.

Says on stdout where it listens. A connection begins with a letter and a number of bytes: `>` takes so many, `<` sends
them. With a file, what is taken is hashed, written there and synced before it is acknowledged, and what is sent is read
and hashed. Ends with SIGTERM.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import struct
import sys
from pathlib import Path

HEAD = struct.Struct("!cQ")
CHUNK_BYTES = 1 << 20


def main(file: str | None = None) -> int:
    """Serve one connection after another."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    path = None if file is None else Path(file)
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"127.0.0.1:{listener.getsockname()[1]}", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            direction, size = HEAD.unpack(connection.recv(HEAD.size, socket.MSG_WAITALL))
            (take if direction == b">" else send)(connection, size, path)


def take(connection: socket.socket, size: int, path: Path | None) -> None:
    """Receive so many bytes, and acknowledge them."""
    buffer, digest = memoryview(bytearray(CHUNK_BYTES)), hashlib.sha256()
    file = None if path is None else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    while size:
        count = connection.recv_into(buffer, min(size, CHUNK_BYTES), socket.MSG_WAITALL)
        if file is not None:
            digest.update(buffer[:count])
            os.write(file, buffer[:count])
        size -= count
    if file is not None:
        os.fsync(file)
        os.close(file)
    connection.sendall(b"!")


def send(connection: socket.socket, size: int, path: Path | None) -> None:
    """Send so many bytes."""
    if path is None:
        chunk = memoryview(bytes(CHUNK_BYTES))
        while size:
            size -= connection.send(chunk[: min(size, CHUNK_BYTES)])
        return
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := memoryview(file.read(CHUNK_BYTES)):
            digest.update(chunk)
            connection.sendall(chunk)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
