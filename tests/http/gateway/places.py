"""A gateway on a loopback port over a real workspace, and a client that signs what it asks for."""

from contextlib import asynccontextmanager
from datetime import timedelta
from io import BytesIO
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

import anyio
from aiohttp import ClientSession, TCPConnector, web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from yarl import URL

from kyanite.blobs.files import FileBlobs
from kyanite.config import ServerSettings
from kyanite.http import gateway
from kyanite.http.gateway.faults import Fault
from kyanite.http.gateway.signing import Signer
from kyanite.http.service import SERVICE, Service, State
from tests.runtime.places import in_memory, settings, with_echo

SECRET = bytes(range(32))
ALL = "racwdl"
HOUR = timedelta(hours=1)


class Gateway:
    """What a test holds of a served workspace."""

    def __init__(self, service, session, address):
        self.service = service
        self.session = session
        self.address = address

    @property
    def workspace(self):
        return self.service.workspace

    def url(self, container, blob=None, permissions=ALL, life=HOUR, scope="container", **query):
        """A link to a container or a blob, signed for either."""
        names = container if blob is None else f"{container}/{blob}"
        expires = self.workspace.now() + life
        signed = self.service.signer.sign(
            names,
            workspace=self.workspace.name,
            permissions=permissions,
            expires=expires,
            container=scope == "container",
        )
        path = quote(f"/{container}/{names}", safe="/~")
        given = urlencode(query)
        return URL(f"{self.address}{path}?{given}&{signed}", encoded=True)

    async def ask(self, method, container, blob=None, *, data=None, headers=None, **options):
        """Status, headers and body of an answer."""
        sent = BytesIO(data) if isinstance(data, bytes) else data
        async with self.session.request(
            method, self.url(container, blob, **options), data=sent, headers=headers
        ) as answer:
            return answer.status, answer.headers, await answer.read()

    async def put(self, container, blob, content, **headers):
        """Upload a blob as the SDK does."""
        headers = {"x-ms-blob-type": "BlockBlob", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.ask("PUT", container, blob, data=content, headers=headers)


@asynccontextmanager
async def served(tmp_path, *, workspace=None, patience_s=300.0, **limits):
    """Serve a workspace whose blobs are files below `tmp_path`."""
    server = ServerSettings(request_patience_s=patience_s)
    chosen = replace(settings(**limits), data_dir=str(tmp_path / "data"), server=server)
    workspace = workspace or in_memory(blobs=FileBlobs(tmp_path / "blobs"), settings=chosen)
    async with with_echo(workspace):
        service = Service(workspace, chosen, Signer(SECRET), State())
        app = web.Application()
        app[SERVICE] = service
        gateway.add_routes(app, service)
        server = TestServer(app)
        await server.start_server(auto_decompress=False)
        connector = TCPConnector(force_close=False)
        async with ClientSession(auto_decompress=False, connector=connector) as session:
            try:
                yield Gateway(service, session, str(server.make_url("/")).rstrip("/"))
            finally:
                await session.close()
                await server.close()


async def until(condition):
    """Return once the condition holds."""
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110  # a file appears: nobody tells
            await anyio.sleep(0.001)


def code_of(answer):
    """The code of an error, which header and body agree on."""
    status, headers, body = answer
    assert status >= 400
    assert headers["Content-Type"].startswith("application/xml")
    document = ET.fromstring(body)
    assert document.tag == "Error"
    assert document.findtext("Message")
    assert document.findtext("Code") == headers["x-ms-error-code"]
    return status, headers["x-ms-error-code"]


def block_list(*ids):
    """The document that makes a blob of blocks."""
    return b"<?xml version='1.0' encoding='utf-8'?>\n<BlockList>%s</BlockList>" % b"".join(
        b"<Latest>%s</Latest>" % each for each in ids
    )


def attempt(call, *args):
    """What a call returns and, instead, what it finds at fault."""
    try:
        return call(*args), None
    except Fault as fault:
        return None, fault
