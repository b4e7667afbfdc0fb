"""The workspace's webhooks: listed, added, changed, tried out and removed. A secret is told once, when it is made."""

from __future__ import annotations

from functools import partial

from aiohttp import web
from msgspec import UNSET

from kyanite.errors import ConfigError, InvalidRequest, NotHere
from kyanite.http.native import documents
from kyanite.http.native.bodies import BODY
from kyanite.http.native.listing import behind, page
from kyanite.http.service import SERVICE, WORKSPACE
from kyanite.outlets.webhooks.definition import KeptSecret, Webhook
from kyanite.outlets.webhooks.outlet import Webhooks
from kyanite.outlets.webhooks.record import record_of, shown_once
from kyanite.outlets.webhooks.secret import Secret, generate, parse
from kyanite.runtime.envelope import checked_id

_PRIVATE = {"Cache-Control": "no-store"}


async def list_all(request: web.Request) -> web.Response:
    """List the webhooks of the workspace, by name; none of their secrets."""
    read = behind(request) or ("",)
    found = [each for each in _webhooks(request).register.all(request[WORKSPACE].name) if (each.name,) > read]
    return page(request, found, record_of, lambda webhook: (webhook.name,))


async def get(request: web.Request) -> web.Response:
    """Return a webhook."""
    return _answered(_webhooks(request).register.get(*_address(request)))


async def add(request: web.Request) -> web.Response:
    """Add a webhook, which is sent what happens from now on. Its secret is in the answer, and shown nowhere again."""
    asked, workspace, webhooks = request[BODY], request[WORKSPACE], _webhooks(request)
    try:
        secret = generate(asked.kind) if asked.secret is None else parse(asked.secret)
    except ConfigError as error:  # what it takes is not installed
        raise InvalidRequest("kind", f"is not to be had: {error}") from None
    webhook = Webhook(
        name=checked_id("name", asked.name),
        workspace=workspace.name,
        url=asked.url,
        secrets=(KeptSecret(secret.text),),
        on=asked.on,
        target=asked.target,
        tag=asked.tag,
        name_prefix=asked.name_prefix,
        payload=asked.payload,
        creation_time=workspace.now(),
    )
    added = await webhooks.changed(partial(webhooks.register.add, webhook))
    return _shown(added, secret, {"Location": f"/v1/webhooks/{added.name}"})


async def change(request: web.Request) -> web.Response:
    """Change where a webhook's events go, or which these are; pause it, or have it go on where it was."""
    webhooks, asked = _webhooks(request), request[BODY]
    changes = {name: value for name in asked.__struct_fields__ if (value := getattr(asked, name)) is not UNSET}
    changed = await webhooks.changed(partial(webhooks.register.change, *_address(request), **changes))
    return _answered(changed)


async def remove(request: web.Request) -> web.Response:
    """Remove a webhook, with what was to be sent to it and the log of what was."""
    webhooks = _webhooks(request)
    await webhooks.changed(partial(webhooks.register.remove, *_address(request)))
    return web.Response(status=204)


async def rotate(request: web.Request) -> web.Response:
    """Give a webhook a new secret, shown this once; the one before it signs beside it for a while.

    How long, the configuration says: a day, by default.
    """
    webhooks, address = _webhooks(request), _address(request)
    secret = generate(parse(webhooks.register.get(*address).secrets[0].text).kind)
    now = request[WORKSPACE].now()
    return _shown(await webhooks.changed(partial(webhooks.register.rotate, *address, secret.text, now)), secret, {})


async def test(request: web.Request) -> web.Response:
    """Send a message that is about no event, now and once, and tell what came of it."""
    return documents.answer(documents.attempt(await _webhooks(request).test(*_address(request))))


def _webhooks(request: web.Request) -> Webhooks:
    webhooks = request.app[SERVICE].webhooks
    if webhooks is None:
        raise NotHere("nothing delivers webhooks here")
    return webhooks


def _address(request: web.Request) -> tuple[str, str]:
    return request[WORKSPACE].name, request.match_info["webhook"]


def _answered(webhook: Webhook) -> web.Response:
    return documents.answer(record_of(webhook), headers=_PRIVATE)


def _shown(webhook: Webhook, secret: Secret, headers: dict[str, str]) -> web.Response:
    return documents.answer(shown_once(webhook, secret), 201, {**_PRIVATE, **headers})
