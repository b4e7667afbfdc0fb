"""The daemon's life: socket, workspace and application, opened in this order and closed in the opposite one."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import anyio
from aiohttp import web

from kyanite import Workspace, config, telemetry
from kyanite.config import Settings, TlsSettings
from kyanite.errors import ConfigError, JobNotFound
from kyanite.http import callbacks, notify, tls
from kyanite.http.access import is_loopback
from kyanite.http.application import application
from kyanite.http.connection import Connection
from kyanite.http.door import Door, kept, new_key
from kyanite.http.gateway import signer_in
from kyanite.http.greeting import Reach
from kyanite.http.keys import Keys
from kyanite.http.loop import ACCEPTED_MAX
from kyanite.http.reload import Reread, reload_at
from kyanite.http.room import Room
from kyanite.http.service import Service, State
from kyanite.logs import logger
from kyanite.outlets.webhooks.outlet import webhooks_of
from kyanite.ports import Provider

SIGNALS = (signal.SIGTERM, signal.SIGINT)
CONNECTIONS_WAITING_MAX = 1024
KEEP_ALIVE_S = 75.0
"""How long a connection is kept without a request, and how long the head of one may take to come."""
LINGER_S = 10.0
"""How long the rest of a body is read and dropped that was answered before its end: for clients that write first."""
REQUESTS_END_S = 1.0
"""How long requests that are being answered have when the daemon ends."""
NO_ID = " "
"""No job has this id."""
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what is listened on there is reached here


@dataclass(frozen=True)
class Running:
    """A daemon that answers."""

    address: str
    """Where, such as `http://127.0.0.1:8473`."""
    service: Service
    keys: Keys
    authority: Path | None
    """The certificate that clients are to trust, if one was made here."""

    def reach(self) -> Reach:
        """Return what a client has to know."""
        state, listen = self.service.state, self.service.settings.server.listen
        return Reach(
            address=self.address,
            targets=[target.id for target in self.service.workspace.targets()],
            keys_required=state.keys_required,
            keys_made=self.keys.ever_made(),
            authority=None if self.authority is None else str(self.authority.resolve()),
            everywhere=listen.rpartition(":")[0].strip("[]") in ANY,
        )

    async def look(self) -> None:
        """Return once the store has answered to a cheap read. Raises what it raises."""
        with suppress(JobNotFound):
            await self.service.workspace.get_job(NO_ID)

    def take_over(self, settings: Settings) -> None:
        """Have the quotas of these settings count from now on."""
        self.service.workspace.host.engine.quotas.replace(settings)
        self.service.state.taken_over = settings

    async def drain(self, timeout_s: float) -> bool:
        """Take no new jobs, and wait at most so long for those that execute; tell whether all have ended."""
        self.service.state.draining = True
        return await self.service.workspace.drain(timeout_s)


@asynccontextmanager
async def serving(
    settings: str | Path | Settings | None = None,
    *,
    data_dir: str | Path | None = None,
    providers: Sequence[Provider] = (),
    dev_tls: bool = False,
) -> AsyncIterator[Running]:
    """Serve a workspace over HTTP as long as the block lasts, which then lets go of jobs that still execute.

    `settings` and `data_dir` are those of `Workspace.open`; `settings.server` says where to listen. Raises
    `ConfigError`, `StoreOwned`, and `OSError` naming the address if that is in use.
    """
    chosen = config.chosen(settings, data_dir=data_dir)
    keys = Keys(chosen.data_dir, chosen.workspace)
    with closing(bound(chosen.server.listen)) as listener:
        _bound_patience(listener, chosen.server.request_patience_s)
        exposed = not is_loopback(listener.getsockname()[0])
        if exposed:
            _require_key(keys, chosen)
        state = State(keys_required=exposed or chosen.server.keys_required, door_key=new_key())
        made = tls.development(keys.folder / "tls") if dev_tls else None
        context = tls.context(TlsSettings(certificate=str(made.certificate)) if made else chosen.server.tls)
        state.listening = _address(listener, chosen.server.listen, "https" if context else "http")
        async with AsyncExitStack() as stack:
            workspace, provider = Workspace.open(chosen, providers=providers, endpoint=state.listening), None
            # Before it opens: what is resumed may ask for its URL at once.
            workspace.host.callbacks.locate = callbacks.locate(keys.folder, chosen.server, state.listening)
            webhooks = webhooks_of(workspace.host)
            if chosen.telemetry.opentelemetry:
                # Around the workspace, whose last jobs are told of while it closes.
                provider = await stack.enter_async_context(telemetry.exporting())
                telemetry.spans(workspace, provider)
            await stack.enter_async_context(workspace)
            service = Service(workspace, chosen, signer_in(keys.folder), state, provider, webhooks)
            await _open_tenants(service, keys)
            room = Room(chosen.server.connections_max)
            async with _answering(application(service, keys), listener, context, room):
                with kept(keys.folder, Door(state.listening, state.door_key, _authority(made, chosen))):
                    yield Running(state.listening, service, keys, made and made.authority)


async def serve(
    settings: Settings,
    *,
    providers: Sequence[Provider] = (),
    dev_tls: bool = False,
    started: Callable[[Running], None],
    reread: Reread | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then drain; a second signal lets go of what executes. Nothing is lost either way.

    `started` is called once the daemon answers. At SIGHUP, the log level and the quotas become those of the settings
    that `reread` returns; without it, the signal is left alone. Raises what `serving` does.
    """
    asked = asyncio.Event()
    patience = anyio.CancelScope()
    manager = notify.from_environment()
    signals = (signal.SIGHUP,) if reread is not None else ()
    with _signals(asked, patience), anyio.open_signal_receiver(*signals) as hangups:
        async with serving(settings, providers=providers, dev_tls=dev_tls) as running:
            logger().info("serving", address=running.address, keys_required=running.service.state.keys_required)
            started(running)
            await running.service.workspace.prepare()
            async with anyio.create_task_group() as beside:
                beside.start_soon(manager.watch, running.look)
                if reread is not None:
                    beside.start_soon(reload_at, hangups, manager.reloading, settings, reread, running.take_over)
                manager.ready(f"serving at {running.address}")
                await asked.wait()
                beside.cancel_scope.cancel()
            logger().info("draining", at_most_s=settings.server.drain_s)
            manager.stopping(f"executing jobs have {settings.server.drain_s:g} s to end")
            drained = False
            with patience:
                drained = await running.drain(settings.server.drain_s)
            if not drained:
                logger().warning("jobs that still execute are let go, to go on at the next start")


def bound(address: str) -> socket.socket:
    """Return a socket that listens at `HOST:PORT`. Raises `OSError` naming the address."""
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, where = min((entry[0], entry[4]) for entry in found)  # IPv4 before IPv6
        return socket.create_server((where[0], where[1]), family=family, backlog=CONNECTIONS_WAITING_MAX)
    except socket.gaierror as error:
        raise OSError(error.errno, error.strerror, address) from None
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0), address) from None


def _authority(made: tls.Made | None, settings: Settings) -> str | None:
    """Return the file that commands on this machine are to trust: that was made here, or the daemon's certificate."""
    certificate = settings.server.tls.certificate
    trusted = made.authority if made is not None else Path(certificate).expanduser() if certificate else None
    return None if trusted is None else str(trusted.resolve())


def _bound_patience(listener: socket.socket, patience_s: float) -> None:
    """Have the kernel end what is accepted here once its client has taken nothing in for so long."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # else they last as long as their clients do
        most_ms = 2**31 - 1
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, min(round(patience_s * 1000), most_ms))


def _address(listener: socket.socket, listen: str, scheme: str) -> str:
    host = listen.rpartition(":")[0].strip("[]")
    host = ANY.get(host, host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


async def _open_tenants(service: Service, keys: Keys) -> None:
    """Serve every workspace that has jobs, a key or a place in the configuration: what waits there goes on."""
    names = set(await service.workspace.host.engine.storage.store.workspaces()) | service.settings.workspaces.keys()
    names |= {key.workspace or keys.workspace for key in keys.all() if key.revocation_time is None}
    for name in sorted(names):
        await service.tenant(name)


def _require_key(keys: Keys, settings: Settings) -> None:
    if not keys.valid():
        make = shlex.join(["kyanite", "key", "create", "--data-dir", settings.data_dir])
        where = f"others can reach {settings.server.listen}"
        raise ConfigError(f"{where}, so it takes a key, and there is none; `{make}` makes one")


@asynccontextmanager
async def _answering(
    app: web.Application, listener: socket.socket, context: ssl.SSLContext | None, room: Room | None = None
) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(app, shutdown_timeout=REQUESTS_END_S)

    def connection() -> Connection:
        assert runner.server is not None  # noqa: S101  # the setup made it
        return Connection(
            runner.server,
            room,
            loop=loop,
            auto_decompress=False,  # inputs are kept as they are sent; who decompresses them bounds what comes out
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
        )

    # The scope is around the setup, too: what an edge starts there, it ends in the cleanup, and scopes nest.
    with anyio.CancelScope() as scope:
        await runner.setup()
        try:
            # asyncio accepts as many at once as it has the kernel keep waiting: few, and then many again.
            with closing(await loop.create_server(connection, sock=listener, ssl=context, backlog=ACCEPTED_MAX)):
                listener.listen(CONNECTIONS_WAITING_MAX)
                yield
        finally:
            scope.shield = True
            await runner.cleanup()


@contextmanager
def _signals(asked: asyncio.Event, patience: anyio.CancelScope) -> Iterator[None]:
    """Let the first signal ask for the end, the second end the patience, and the third the process."""
    loop = asyncio.get_running_loop()

    def received(number: signal.Signals) -> None:
        if not asked.is_set():
            asked.set()
        elif not patience.cancel_called:
            patience.cancel()
        else:
            _end_at_once(number)

    for number in SIGNALS:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def _end_at_once(number: signal.Signals) -> NoReturn:
    """End without closing anything: the store is durable, and workers end with their parent."""
    os.write(2, b"kyanite: ended at once; jobs that had not ended go on at the next start\n")
    os._exit(128 + number)
