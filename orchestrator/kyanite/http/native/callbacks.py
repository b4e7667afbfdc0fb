"""Callbacks: where services elsewhere, which have no key, tell that they have news of a job that they were given."""

from __future__ import annotations

import anyio
from aiohttp import web

from kyanite.http.admission import Admission, TooManyRequests
from kyanite.http.answers import failure
from kyanite.http.callbacks import Tokens
from kyanite.http.rates import Rates
from kyanite.http.service import SERVICE, Service
from kyanite.http.whole_body import RequestTimeout, incoming
from kyanite.runtime.records import Address

BODY_BYTES_MAX = 64 << 10
NOTICES_PER_S = 1.0
"""How often a job is told of in the long run, after the ten that may come at once."""
MISSES_PER_S = 1.0
"""How many wrong tokens one address may try, likewise."""


class Inlet:
    """Takes notices in, as far as the daemon's bounds and those of callbacks allow."""

    def __init__(self, service: Service) -> None:
        """Begin with nothing having come."""
        self._host = service.workspace.host
        self._tokens = Tokens(service.signer)
        self._clock = service.workspace.host.storage.clock
        self._notices = Rates(NOTICES_PER_S)
        self._misses = Rates(MISSES_PER_S)
        self.admission = Admission(service.settings.server)
        self.patience_s = service.settings.server.request_patience_s

    def now_s(self) -> float:
        """Return the time of a clock that only grows."""
        return self._clock.monotonic()

    def address_of(self, token: str) -> Address | None:
        """Return the job that a token is of, if it executes here. Raises `TooManyRequests` for too many notices."""
        address = self._tokens.address_of(token)
        if address is None or not self._host.callbacks.expects(address):
            return None
        # Only now, so that nobody learns from this which tokens there were.
        self._spend(self._notices, "/".join(address), "notices of one job")
        return address

    def notify(self, address: Address) -> bool:
        """Wake the provider of the job; tell whether it still executes here."""
        return self._host.callbacks.notify(address)

    def miss(self, client: str) -> None:
        """Take note of a wrong token. Raises `TooManyRequests`.

        Right ones are taken all the same: nobody keeps the notices of others off by sending wrong ones.
        """
        self._spend(self._misses, client, "callbacks that lead nowhere")

    def _spend(self, rates: Rates, name: str, what: str) -> None:
        wait_s = rates.ask(name, self.now_s())
        if wait_s:
            raise TooManyRequests(f"so many {what}", wait_s)


INLET: web.AppKey[Inlet] = web.AppKey("inlet", Inlet)
"""Where notices come in."""


def add_inlet(app: web.Application) -> None:
    """Be ready for notices."""
    app[INLET] = Inlet(app[SERVICE])


async def call_back(request: web.Request) -> web.Response:
    """Have the provider of an executing job look at what became of it elsewhere.

    The token is the last part of the URL that the provider gave to the service it uses, and needs no key. It is good
    for this, and until the job has ended. What is sent along, of at most 64 KiB, is dropped unread. A token that is
    wrong, and one of a job that does not execute here, are answered alike.
    """
    inlet, client = request.app[INLET], f"address {request.remote}"
    inlet.admission.check(client, inlet.now_s())
    with inlet.admission.answering(client):
        address = inlet.address_of(request.match_info["token"])
        if address is not None:
            await _drop_body(request, inlet.patience_s)
        if address is None or not inlet.notify(address):
            inlet.miss(client)
            return failure(404, "CallbackNotFound", "No such callback")
        return web.Response(status=202)


async def _drop_body(request: web.Request, patience_s: float) -> None:
    """Read the body to its end. Raises `HTTPRequestEntityTooLarge`, `RequestTimeout`."""
    stated, size = request.content_length or 0, 0
    if stated <= BODY_BYTES_MAX:
        try:
            with anyio.fail_after(patience_s), incoming(request):
                while size <= BODY_BYTES_MAX and (chunk := await request.content.readany()):
                    size += len(chunk)
        except TimeoutError:
            raise RequestTimeout(f"it did not come within {patience_s:g} seconds") from None
    if max(stated, size) > BODY_BYTES_MAX:
        raise web.HTTPRequestEntityTooLarge(BODY_BYTES_MAX, max(stated, size))
