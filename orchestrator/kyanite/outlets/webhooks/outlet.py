"""Webhooks at work: a subscription of the log for each that is active, as the register says at every moment."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.metadata import version
from secrets import token_hex
from types import TracebackType
from typing import Self, TypeVar

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus
from msgspec.structs import replace

from kyanite.config import Settings
from kyanite.core.events import Event
from kyanite.core.job import JobDetails
from kyanite.core.letters import Attempt
from kyanite.errors import KyaniteError, Undelivered, WorkspaceClosed
from kyanite.logs import logger
from kyanite.outlets.webhooks.configured import configured
from kyanite.outlets.webhooks.definition import KeptSecret, Webhook, WebhookNotFound, subscriber
from kyanite.outlets.webhooks.payload import encoded, encoded_test, message_id
from kyanite.outlets.webhooks.register import Address, Register
from kyanite.outlets.webhooks.secret import Secret, parse
from kyanite.outlets.webhooks.sender import Gone, Sender
from kyanite.outlets.webhooks.signature import headers
from kyanite.ports import Cursor, Manner, Receipt, Settlement, Subscription
from kyanite.runtime.engine import Engine
from kyanite.runtime.host import Host
from kyanite.runtime.subscriptions import cursor_name

T = TypeVar("T")

LOOK_S = 1.0
"""How often the file is looked at for what other processes have changed."""
CHANGE_S = 10.0
"""How long a change is waited for until it is in effect: it is stored, and will be."""
GONE = "the receiver answered 410 Gone"


class Webhooks:
    """Delivers events to the webhooks of a register: an `Outlet`, for all workspaces of its host."""

    def __init__(self, settings: Settings, register: Register | None = None) -> None:
        """Take the register of the data folder, unless it is another. Raises `ConfigError` naming the setting."""
        self.register = register or Register(settings.data_dir, settings.delivery, configured(settings))
        self._settings = settings
        delivery = settings.delivery
        self._manner = Manner(by_job=True, at_once=delivery.at_once, delays_s=delivery.delays_s, logs=True)
        self._agent = f"kyanite/{version('kyanite')}"
        self._host: Host | None = None
        self._sender: Sender | None = None
        self._served: dict[Address, Webhook] = {}
        self._keys: dict[Address, tuple[tuple[KeptSecret, ...], list[Secret]]] = {}
        self._news = anyio.Event()
        self._in_effect = anyio.Event()
        """Set when what the register said at its next look is in effect."""
        self._trouble = ""

    async def __aenter__(self) -> Self:
        """Be able to send."""
        sender = Sender(self._settings.delivery)
        self._sender = await sender.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection: the host has ended all that was subscribed."""
        sender, self._sender, self._host = self._sender, None, None
        self._served.clear()
        self._keys.clear()
        if sender is not None:
            await sender.__aexit__(kind, error, trace)

    async def run(self, host: Host, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Have subscribed what the register says at every moment, until cancelled. Entered, and with the host open."""
        self._host = host
        await self._follow_patiently(host)
        task_status.started()
        while True:
            self._news, in_effect, self._in_effect = anyio.Event(), self._in_effect, anyio.Event()
            await self._follow_patiently(host)
            in_effect.set()
            with anyio.move_on_after(LOOK_S):
                await self._news.wait()

    async def changed(self, change: Callable[[], T]) -> T:
        """Change the register in a thread, and return once that is in effect here. Raises what the change does."""
        result = await anyio.to_thread.run_sync(change)
        if self._sender is not None:
            self._news.set()
            with anyio.move_on_after(CHANGE_S):
                await self._in_effect.wait()
        return result

    async def test(self, workspace: str, name: str) -> Attempt:
        """Send a message that is about no event, once; whatever comes of it changes nothing.

        Raises `WebhookNotFound`, `WorkspaceClosed`.
        """
        webhook = self.register.get(workspace, name)
        host, sender, url = self._host, self._sender, webhook.url
        if host is None or sender is None:
            raise WorkspaceClosed("nothing delivers webhooks here")
        time, test_id = host.storage.clock.now(), f"msg_test_{token_hex(12)}"
        media, body = encoded_test(webhook, test_id, time, address=self._address(host))
        began_s = host.storage.clock.monotonic()
        said: Receipt | Undelivered
        try:
            said = await sender.post(url, self._signed(webhook, test_id, media, body, host), body)
        except Undelivered as error:
            said = error
        return Attempt(
            subscriber=cursor_name(workspace, webhook.subscriber),
            position=0,
            workspace=workspace,
            job_id="",
            version=0,
            number=1,
            time=time,
            latency_s=host.storage.clock.monotonic() - began_s,
            taken=isinstance(said, Receipt),
            status=said.status,
            error=said.particulars if isinstance(said, Undelivered) else "",
            excerpt=said.excerpt,
        )

    # Following the register -------------------------------------------------------------------------------------------

    async def _follow_patiently(self, host: Host) -> None:
        """Serve what the register says now. What can not be done at the moment is tried again at the next look."""
        try:
            await self._follow(host)
        except WorkspaceClosed:
            return  # before this has
        except (KyaniteError, OSError) as error:
            if str(error) != self._trouble:
                logger().error("webhooks not served as they should be", error=str(error))
            self._trouble = str(error)
        else:
            self._trouble = ""

    async def _follow(self, host: Host) -> None:
        engine = host.engine
        removed = self.register.removed()  # looked at first: of one that goes in between, the next look will tell
        active = {(each.workspace, each.name): each for each in self.register.all() if each.state == "active"}
        async with anyio.create_task_group() as group:
            for address, served in self._served.items():
                if address in removed or _selection(active.get(address)) != _selection(served):
                    group.start_soon(self._end, engine, address)
        if removed:
            names = tuple(cursor_name(workspace, subscriber(name)) for workspace, name in removed)
            await host.storage.store.settle(Settlement(forgotten=names))
            await anyio.to_thread.run_sync(self.register.settled, removed)
        if begun := {address: webhook for address, webhook in active.items() if address not in self._served}:
            await self._begin(host, engine, begun)

    async def _begin(self, host: Host, engine: Engine, webhooks: dict[Address, Webhook]) -> None:
        """Deliver to these; where one is new is stored before, so that a crash right after leaves nothing out."""
        store, now = host.storage.store, host.storage.clock.now()
        names = {cursor_name(workspace, subscriber(name)) for workspace, name in webhooks}
        new = sorted(names - (await store.cursors()).keys())
        if new:
            await store.settle(Settlement(cursors=tuple(Cursor(name, engine.bus.position, now) for name in new)))
        for address, webhook in webhooks.items():
            await host.beside(webhook.workspace)
            engine.listen(self._subscription(webhook))
            self._served[address] = webhook

    async def _end(self, engine: Engine, address: Address) -> None:
        workspace, name = address
        await engine.subscriptions.halt(workspace, subscriber(name))
        del self._served[address]
        self._keys.pop(address, None)

    # Delivering -------------------------------------------------------------------------------------------------------

    def _subscription(self, webhook: Webhook) -> Subscription:
        async def deliver(event: Event, details: JobDetails) -> Receipt:
            return await self._deliver(webhook.workspace, webhook.name, event, details)

        return Subscription(
            webhook.types,
            deliver,
            webhook.workspace,
            webhook.subscriber,
            target=webhook.target,
            tag=webhook.tag,
            name_prefix=webhook.name_prefix,
            manner=self._manner,
        )

    async def _deliver(self, workspace: str, name: str, event: Event, details: JobDetails) -> Receipt:
        """Post an event to the webhook as it is by now."""
        host, sender = self._host, self._sender
        if host is None or sender is None:
            raise Undelivered("nothing delivers webhooks here any more")
        try:
            webhook = self.register.get(workspace, name)
        except WebhookNotFound:
            raise Undelivered("the webhook was removed") from None
        if webhook.state == "disabled":  # which the end of this delivery is still to follow
            raise Undelivered(f"the webhook is disabled: {webhook.reason}")
        media, body = encoded(webhook, event, details, address=self._address(host))
        sent = self._signed(webhook, message_id(event), media, body, host)
        if trace := event.traceparent or details.traceparent:
            sent["traceparent"] = trace
        try:
            return await sender.post(webhook.url, sent, body)
        except Gone:
            await self._disable(webhook)
            raise

    async def _disable(self, webhook: Webhook) -> None:
        address = webhook.workspace, webhook.name
        told = {"webhook": webhook.name, "workspace": webhook.workspace, "host": webhook.origin}
        try:
            ended = await anyio.to_thread.run_sync(self.register.disable, *address, webhook.url, GONE)
        except (KyaniteError, OSError) as error:
            logger().error("webhook not disabled", **told, error=str(error))
            return
        if ended:  # and not by another post that was under way
            logger().warning("webhook disabled", **told, reason=GONE)
        self._news.set()  # not waited for: what ends the delivery waits for this

    def _signed(self, webhook: Webhook, message: str, media: str, body: bytes, host: Host) -> dict[str, str]:
        """Return the headers of an attempt that is made now."""
        now_s = host.storage.clock.now().timestamp()
        signed = headers(message, math.floor(now_s), body, self._live(webhook))
        return {**signed, "content-type": media, "user-agent": self._agent}

    def _live(self, webhook: Webhook) -> list[Secret]:
        address = webhook.workspace, webhook.name
        kept, secrets = self._keys.get(address, ((), []))
        if kept is not webhook.secrets:
            secrets = [parse(each.text, each.end_time) for each in webhook.secrets]
            self._keys[address] = webhook.secrets, secrets
        return secrets

    def _address(self, host: Host) -> str | None:
        """Return where receivers find the jobs that they are told of."""
        return self._settings.server.public_url or host.endpoint


def webhooks_of(host: Host) -> Webhooks:
    """Return what delivers the webhooks of a host that is to be opened. Raises `ConfigError` naming the setting."""
    found = next((outlet for outlet in host.outlets if isinstance(outlet, Webhooks)), None)
    if found is None:
        found = Webhooks(host.settings)
        host.outlets.append(found)
    return found


def _selection(webhook: Webhook | None) -> Webhook | None:
    """Return a webhook with nothing but what its subscription is made of."""
    if webhook is None:
        return None
    return replace(webhook, url="", secrets=(), payload="standard", reason="")
