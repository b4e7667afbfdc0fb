"""A receiver of webhooks in this process, and settings under which a daemon may reach it."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import NamedTuple

from tests.cli.places import PATIENCE_S

SETTINGS = """
[delivery]
plain_http = true
allow = ["127.0.0.1"]
ports = [{port}]
delays_s = [0.05]
"""


class Message(NamedTuple):
    """What was received."""

    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Receiver:
    """Answers with the status that it has at the moment."""

    def __init__(self):
        self.status = 200
        self.answer = b"thank you"
        self.messages = Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.messages.put(Message(self.path, headers, body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?token=in-the-url"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def next(self):
        return self.messages.get(timeout=PATIENCE_S)

    def settings(self, folder):
        """Write a file of settings under which it may be reached; return the options that name it."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "delivery.toml"
        file.write_text(SETTINGS.format(port=self.port))
        return ("--config", file)

    def start(self):
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def receiving():
    """Receive as long as the block lasts."""
    receiver = Receiver()
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.stop()
