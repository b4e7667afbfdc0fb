"""A task without a workspace: what a provider reads and writes, in memory, and a cancel on demand."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import anyio
import structlog

from kyanite.core.job import JobDetails

SA = "microsoft.simulatedannealing.cpu"
SA_FREE = "microsoft.simulatedannealing-parameterfree.cpu"
PT = "microsoft.paralleltempering.cpu"
PT_FREE = "microsoft.paralleltempering-parameterfree.cpu"


def ising(*terms, kind="ising", **more):
    """A problem from (c, *ids) tuples."""
    listed = [{"c": c, "ids": list(ids)} for c, *ids in terms]
    return {"cost_function": {"version": "1.0", "type": kind, "terms": listed, **more}}


class FakeTask:
    """`content` is bytes, or a mapping to be sent as JSON; with `path` the input lies in a file."""

    def __init__(self, content, target=SA, params=None, *, path: Path | None = None, **details):
        self.content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.path = path
        if path is not None:
            path.write_bytes(self.content)
        given = {
            "id": "a-job",
            "name": "a job",
            "provider_id": "Microsoft",
            "target": target,
            "container_uri": "c",
            "input_data_uri": "c/inputData",
            "input_params": {"params": params or {}},
            "creation_time": datetime(2026, 1, 1, tzinfo=UTC),
            "input_hash": hashlib.sha256(self.content).hexdigest(),
            "input_size": len(self.content),
        }
        self.details = JobDetails(**(given | details))
        self.log = structlog.get_logger()
        self.written = b""
        self.seen: list[tuple[float, dict]] = []
        self.noted: dict = {}
        self.progressed = anyio.Event()
        self.cancelled = anyio.Event()

    @property
    def cancel_requested(self):
        return self.cancelled.is_set()

    async def wait_cancel_requested(self):
        await self.cancelled.wait()

    async def read_input(self):
        return self.content

    async def stream_input(self):
        for start in range(0, len(self.content), 1000):
            yield self.content[start : start + 1000]

    def input_path(self):
        return self.path

    async def write_output(self, content, *, content_type=None, content_encoding=None):
        assert not self.written, "an output is written once"
        assert content_type == "application/json"
        self.written = content.read_bytes() if isinstance(content, Path) else bytes(content)

    def progress(self, fraction=None, **values):
        self.seen.append((fraction, values))
        self.progressed.set()

    @property
    def callback_url(self):
        raise AssertionError("nobody elsewhere has news of a local job")

    async def called_back(self, timeout_s=None):
        raise AssertionError("nobody elsewhere has news of a local job")

    async def intend(self, token):
        raise AssertionError("a local job is never submitted elsewhere")

    async def checkpoint(self, handle):
        raise AssertionError("a local job has nothing to go on from")

    def note(self, *, cost_estimate=None, **properties):
        assert cost_estimate is None, "a local job costs nothing"
        self.noted |= properties

    @property
    def result(self):
        return json.loads(self.written)
