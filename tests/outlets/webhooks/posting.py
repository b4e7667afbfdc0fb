"""One post to an endpoint, and the certainty that its failure tells nothing that nobody is to know."""

import ssl
import traceback

import pytest

from kyanite.config import DeliverySettings
from kyanite.errors import Undelivered
from kyanite.outlets.webhooks.sender import Sender

HERE = DeliverySettings(plain_http=True, allow=("127.0.0.0/8",), timeout_s=10)
QUICK = DeliverySettings(plain_http=True, allow=("127.0.0.0/8",), timeout_s=0.4)
PATH = "/canary?canary=1"
HEADERS = {"webhook-id": "msg_1", "Content-Type": "application/json"}
BODY = b'{"type":"webhook.test"}'
STRICT = ssl.create_default_context()
"""What the system trusts; to read that anew takes a while."""


def answer(status, body=b"", *headers):
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def posted(place, delivery=HERE, scheme="http", context=STRICT):
    async with Sender(delivery, context=context) as sender:
        return await sender.post(place.url(PATH, scheme=scheme), HEADERS, BODY)


async def refused(place, delivery=HERE, scheme="http", context=STRICT):
    """The error of a post, which tells nothing that nobody is to know."""
    with pytest.raises(Undelivered) as caught:
        await posted(place, delivery, scheme, context)
    shown = "".join(traceback.format_exception(caught.value)).replace(str(BODY), "")
    assert "canary" not in shown
    assert "canary" not in caught.value.excerpt
    return caught.value
