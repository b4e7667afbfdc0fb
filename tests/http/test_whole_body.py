"""Bodies whose client goes away between two looks at what has come."""

import asyncio

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from kyanite.http.gateway.body import short_body
from kyanite.http.service import SERVICE
from kyanite.http.whole_body import incoming, whole_body
from tests.http.places import service_in


async def read_whole(request):
    async with whole_body(request) as content:
        return content


async def read_short(request):
    return await short_body(request, 1_000)


def gone(service):
    """A request of which nothing has come yet; its client has gone, and the reader has not heard of it."""
    loop = asyncio.get_running_loop()
    payload = StreamReader(BaseProtocol(loop), limit=1 << 16, loop=loop)
    app = web.Application()
    app[SERVICE] = service
    request = make_mocked_request("PUT", "/", {"Transfer-Encoding": "chunked"}, payload=payload, app=app)
    request.protocol.transport = None
    return request


@pytest.mark.parametrize("read", [read_whole, read_short])
async def test_a_client_that_has_gone_is_no_defect(tmp_path, read):
    async with service_in(tmp_path) as service:
        with pytest.raises(ConnectionError, match="the connection was lost"):
            await read(gone(service))


async def test_what_is_one_stays_one():
    with pytest.raises(RuntimeError, match="two readers"), incoming(make_mocked_request("PUT", "/")):
        raise RuntimeError("two readers")
