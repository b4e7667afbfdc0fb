"""A client of the Azure edge in miniature: what the newer SDK sends, without what it does beside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec

from kyanite.core.job import FINAL
from tests.bench.echo import TARGET, payload

WORKSPACE = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
    "/providers/Microsoft.Quantum/workspaces/local"
)
INPUTS = "bench-inputs"
LABELS: dict[str, Any] = {
    "name": "bench",
    "input_data_format": "microsoft.qio.v2",
    "output_data_format": "microsoft.qio-results.v2",
    "input_params": {"params": {"timeout": 100, "seed": 22}},
    "metadata": {},
}
"""What every job is submitted with, as the arguments of `Workspace.submit`."""


class _Shown(msgspec.Struct):
    status: str


_shown = msgspec.json.Decoder(_Shown)


class Client:
    """Requests over a bounded number of connections that are kept. Raises `RuntimeError` for any other answer."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        """Use this session."""
        self._session = session
        self._address = address
        self._jobs = f"{address}{WORKSPACE}/jobs"
        self.input_url = f"{address}/{INPUTS}/{INPUTS}/inputData"
        """Where the input of all jobs lies."""

    async def upload(self) -> None:
        """Store the input, once."""
        link = await self.sas_uri(INPUTS)
        blob = link.replace("?", "/inputData?", 1)
        await self._asked(201, "PUT", blob, data=payload(0), headers={"x-ms-blob-type": "BlockBlob"})

    async def sas_uri(self, container: str) -> str:
        """Return a signed link to a container."""
        url = f"{self._address}{WORKSPACE}/storage/sasUri"
        return msgspec.json.decode(await self._asked(200, "POST", url, json={"containerName": container}))["sasUri"]

    @staticmethod
    def new_id() -> str:
        """Return an id for a job."""
        return str(uuid4())

    async def put(self, job_id: str, target: str = TARGET, metadata: dict[str, str] | None = None) -> bytes:
        """Submit a job of this id; return the answer."""
        body = {
            "id": job_id,
            "itemType": "Job",
            "providerId": target.partition(".")[0],
            "target": target,
            "inputDataUri": self.input_url,
            "inputDataFormat": LABELS["input_data_format"],
            "outputDataFormat": LABELS["output_data_format"],
            "inputParams": LABELS["input_params"],
            "name": LABELS["name"],
            "metadata": metadata or LABELS["metadata"],
        }
        headers = {"Content-Type": "application/json"}
        return await self._asked(201, "PUT", f"{self._jobs}/{job_id}", data=msgspec.json.encode(body), headers=headers)

    async def get(self, job_id: str) -> bytes:
        """Return what is told of a job."""
        return await self._asked(200, "GET", f"{self._jobs}/{job_id}")

    async def until_final(self, job_id: str) -> int:
        """Ask until the job is final, at once again each time; return how often."""
        polls = 1
        while (status := _shown.decode(await self.get(job_id)).status) not in FINAL:
            polls += 1
        if status != "Succeeded":
            raise RuntimeError(job_id, status)
        return polls

    async def ended(self, job_id: str) -> None:
        """Wait for the end of a job, and see that it has succeeded."""
        await self.until_final(job_id)

    async def rename(self, job_id: str, name: str) -> None:
        """Give a job another name: one event."""
        headers = {"Content-Type": "application/json"}
        await self._asked(
            200, "PATCH", f"{self._jobs}/{job_id}", data=msgspec.json.encode({"name": name}), headers=headers
        )

    async def cancel(self, job_id: str) -> None:
        """Cancel a job."""
        await self._asked(200, "POST", f"{self._jobs}/{job_id}:cancel")

    async def _asked(self, expected: int, method: str, url: str, **options: Any) -> bytes:
        async with self._session.request(method, url, **options) as response:
            content = await response.read()
            if response.status != expected:
                raise RuntimeError(method, url.partition("?")[0], response.status, content)
            return content


@asynccontextmanager
async def connected(address: str, connections: int) -> AsyncIterator[Client]:
    """Yield a client with at most so many connections."""
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        yield Client(session, address)
