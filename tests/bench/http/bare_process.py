"""Two aiohttp routes that store nothing: `python -m tests.bench.http.bare_process CREATED_BYTES READ_BYTES`.

They answer PUT and GET of any job with a document of so many bytes, which says that the job has succeeded. Says on
stdout where it listens, and ends with SIGTERM.
"""

from __future__ import annotations

import socket
import sys

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from tests.bench.http.client import WORKSPACE


def main(created: str, read: str) -> int:
    """Serve until SIGTERM."""
    app = web.Application()
    app.router.add_get(f"{WORKSPACE}/jobs/{{id}}", answering(200, int(read)))
    app.router.add_put(f"{WORKSPACE}/jobs/{{id}}", answering(201, int(created)))
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    web.run_app(app, sock=listener, print=None, access_log=None)
    return 0


def answering(status: int, size: int) -> Handler:
    """Return a handler that reads what it is sent and answers so many bytes."""
    short = msgspec.json.encode({"status": "Succeeded", "filling": ""})
    document = msgspec.json.encode({"status": "Succeeded", "filling": "x" * (size - len(short))})

    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, body=document, content_type="application/json")

    return answer


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
