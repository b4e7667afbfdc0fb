"""A client that does as clients should, beside those that do not: it must not notice the others."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import aiohttp

from tests.http.native.live import streaming

TAG = "healthy"
ANSWER_S = 15.0
"""Each of its requests is answered by then, though the test and the daemon share a busy machine with others."""


class Healthy:
    """What it has done so far."""

    def __init__(self):
        self.over = asyncio.Event()
        self.ended = []
        """The ids of its jobs, each of which has succeeded."""

    async def work(self, address):
        """Submit one job after the other, and fetch what comes of each, until it is over."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        async with aiohttp.ClientSession(address, timeout=timeout) as session:
            while not (self.ended and self.over.is_set()):
                job = {"target": "acme.echo", "input": "ab", "tags": [TAG]}
                async with session.post("/v1/jobs", json=job, headers={"Prefer": f"wait={ANSWER_S:.0f}"}) as answer:
                    details = await answer.json()
                    assert (answer.status, details["status"]) == (201, "Succeeded"), details
                async with session.get(f"/v1/jobs/{details['id']}/output") as answer:
                    assert (answer.status, len(await answer.read())) == (200, 32)
                self.ended.append(details["id"])


@asynccontextmanager
async def healthy(address):
    """Have such a client work as long as the block lasts; it must have seen each event of its jobs, and each once."""
    client = Healthy()
    async with streaming(address, params={"tag": TAG, "progress": "false"}) as stream:
        async with asyncio.TaskGroup() as group:
            group.create_task(client.work(address))
            try:
                yield client
            finally:
                client.over.set()
        expected = {(job_id, event): 1 for job_id in client.ended for event in ("Submitted", "Began", "Succeeded")}
        await stream.until(lambda stream: len(stream.frames) > len(expected))
    seen = Counter((frame["data"]["job_id"], frame["event"]) for frame in stream.frames[1:])
    assert seen == expected
    assert client.ended
