"""Clients of a daemon that is killed and started again.

`python -m tests.crashes.wire_clients_process HISTORY URL NAME`: each client has a connection of its own, makes one call
after the other, notes each, and repeats those that got no answer. A line on standard input asks them to come to an end,
which they do as soon as their calls are answered.
"""

import random
import sys
import time
from pathlib import Path
from urllib.parse import quote

import aiohttp
import anyio
import msgspec

from tests.crashes.clients_process import input_of
from tests.crashes.history import CANCEL, LIST, READ, SUBMIT, Record
from tests.crashes.targets import ECHO, FAIL, REMOTE, RETRY, SLOW
from tests.crashes.wire_rows import UPLOAD, content_of, seen_on_wire
from tests.http.places import WORKSPACE

CLIENTS = 4
TARGETS = (ECHO, ECHO, FAIL, RETRY, SLOW, REMOTE)
PATIENCE_S = 30.0
PAUSE_S = 0.01
BLOCKS = 4
BUSY = 503


class Client:
    """One connection, one call after the other."""

    def __init__(self, http, record, name, stop):
        self.http = http
        self.record = record
        self.name = name
        self.stop = stop
        self.chance = random.Random(name)
        self.jobs = []
        self.uploads = []

    async def run(self):
        number = 0
        while number == 0 or not self.stop.is_set():
            await self.submit(f"{self.name}-{number}")
            for call in self.chance.sample((self.read, self.cancel, self.upload, self.fetch, self.list), 2):
                await call(number)
            number += 1

    async def submit(self, job):
        container = f"job-{job}"
        link = await self.link(container)
        status, _ = await self.sent("PUT", blob(link, "inputData"), input_of(job), headers=BLOCK_BLOB)
        assert status in {201, 409}, status
        target = self.chance.choice(TARGETS)
        body = {"id": job, "name": job, "target": target, "inputDataUri": blob(link, "inputData")}
        line = self.record.begin(SUBMIT, job, target)
        status, told = await self.sent("PUT", f"{WORKSPACE}/jobs/{job}", body | {"providerId": "acme"})
        assert status in {200, 201}, told
        self.record.answer(line, seen_on_wire(msgspec.json.decode(told)))
        self.jobs.append(job)

    async def read(self, _):
        await self.asked(READ, "GET", "")

    async def cancel(self, _):
        if self.chance.random() < 0.5:
            await self.asked(CANCEL, "POST", ":cancel")

    async def asked(self, call, method, action):
        job = self.chance.choice(self.jobs[-50:])
        line = self.record.begin(call, job)
        status, told = await self.sent(method, f"{WORKSPACE}/jobs/{job}{action}")
        assert status in {200, 404}, told
        rows = [seen_on_wire(msgspec.json.decode(told))] if status == 200 else []
        self.record.answer(line, *rows, missing=status == 404)

    async def list(self, _):
        if self.chance.random() < 0.3:
            line, rows = self.record.begin(LIST, self.name), []
            link = f"{WORKSPACE}/jobs?top=40&filter={quote(f'''startswith(Name, '{self.name}-')''')}"
            while link:
                status, told = await self.sent("GET", link)
                assert status == 200, told
                page = msgspec.json.decode(told)
                rows += page["value"]
                link = page["nextLink"]
            self.record.answer(line, *map(seen_on_wire, rows))

    async def upload(self, number):
        """Upload a blob at once or in blocks; only the answer to the last request says that it is there."""
        name = f"{self.name}-{number}"
        content, link = content_of(name), await self.link("uploads")
        line = self.record.begin(UPLOAD, name)
        status = 0
        while status not in {201, 409}:
            if self.chance.random() < 0.5:
                status, told = await self.sent("PUT", blob(link, name), content, headers=BLOCK_BLOB)
            else:
                status, told = await self.in_blocks(blob(link, name), content)
            assert status in {201, 409} or b"<Code>InvalidBlockList</Code>" in told, told
        self.record.answer(line)
        self.uploads.append(name)

    async def in_blocks(self, url, content):
        length = -(-len(content) // BLOCKS)
        ids = [f"{number:04d}" for number in range(BLOCKS)]
        for at, block in enumerate(ids):
            piece = content[at * length : (at + 1) * length]
            status, told = await self.sent("PUT", f"{url}&comp=block&blockid={block}", piece)
            if status == 409:
                return status, told
            assert status == 201, told
        document = "".join(f"<Latest>{block}</Latest>" for block in ids)
        return await self.sent("PUT", f"{url}&comp=blocklist", f"<BlockList>{document}</BlockList>".encode())

    async def fetch(self, _):
        if self.uploads:
            name = self.chance.choice(self.uploads)
            await self.look(name, {200})

    async def look(self, name, expected):
        """A blob is there as a whole, or it is not there."""
        status, told = await self.sent("GET", blob(await self.link("uploads"), name))
        assert status in expected, (name, status, told[:300])
        assert status == 404 or told == content_of(name), f"{name} has other content"

    async def link(self, container):
        status, told = await self.sent("POST", f"{WORKSPACE}/storage/sasUri", {"containerName": container})
        assert status == 200, told
        return msgspec.json.decode(told)["sasUri"]

    async def sent(self, method, url, body=None, headers=None):
        """Ask until there is an answer; an upload that got none is looked for, and must not be there in part."""
        data = msgspec.json.encode(body) if isinstance(body, dict) else body
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                async with self.http.request(method, url, data=data, headers=headers) as answer:
                    told = await answer.read()
                    if answer.status != BUSY:
                        return answer.status, told
            except (aiohttp.ClientError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
            await anyio.sleep(PAUSE_S)
            if headers is BLOCK_BLOB and "/uploads/" in url:
                await self.look(url.partition("?")[0].rpartition("/")[2], {200, 404})


BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}


def blob(link, name):
    path, _, query = link.partition("?")
    return f"{path}/{name}?{query}"


async def listen(stop):
    await anyio.to_thread.run_sync(sys.stdin.readline)
    stop.set()


async def main(history, address, name):
    record, stop = Record(Path(history), name), anyio.Event()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(address, connector=connector) as http, anyio.create_task_group() as group:
        group.start_soon(listen, stop)
        for number in range(CLIENTS):
            group.start_soon(Client(http, record, f"{name}-c{number}", stop).run)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
