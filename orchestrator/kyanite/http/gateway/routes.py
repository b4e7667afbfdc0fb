"""What a request is for, whether its link allows that, and who does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple

import anyio
from aiohttp import web

from kyanite.errors import InfrastructureError
from kyanite.http.admission import Admission
from kyanite.http.gateway.addresses import TENANT, Place, blob_key, checked_container
from kyanite.http.gateway.blobs import blob_properties, delete_blob, get_blob, put_blob
from kyanite.http.gateway.blocks import STAGING, get_block_list, put_block, put_block_list
from kyanite.http.gateway.containers import container_properties, list_blobs, put_container
from kyanite.http.gateway.faults import Fault, faultless
from kyanite.http.gateway.staging import Staging
from kyanite.http.service import SERVICE, WORKSPACE, Service
from kyanite.logs import logger
from kyanite.runtime.storage import data_folder

SWEEP_EVERY_S = 86_400.0


ADMISSION: web.AppKey[Admission] = web.AppKey("admission", Admission)


class Operation(NamedTuple):
    """A coroutine, and the permissions of which a link must grant one."""

    perform: Callable[[web.Request, Place], Awaitable[web.StreamResponse]]
    permission: str


# By method and the parameter `comp`.
_ON_CONTAINERS = {
    ("GET", ""): Operation(container_properties, "r"),
    ("HEAD", ""): Operation(container_properties, "r"),
    ("PUT", ""): Operation(put_container, "cw"),
    ("GET", "list"): Operation(list_blobs, "l"),
}
_ON_BLOBS = {
    ("GET", ""): Operation(get_blob, "r"),
    ("HEAD", ""): Operation(blob_properties, "r"),
    ("PUT", ""): Operation(put_blob, "cw"),
    ("DELETE", ""): Operation(delete_blob, "d"),
    ("PUT", "block"): Operation(put_block, "cw"),
    ("PUT", "blocklist"): Operation(put_block_list, "cw"),
    ("GET", "blocklist"): Operation(get_block_list, "r"),
}
_UNSUPPORTED = ("snapshot", "versionid", "prevsnapshot", "sharesnapshot")


def add_to(app: web.Application, service: Service) -> None:
    """Answer at the addresses of containers and blobs, and keep the blocks that wait."""
    quotas = service.workspace.host.engine.quotas
    folder, bytes_max = data_folder(service.settings) / "staging", service.settings.limits.input_max_bytes
    app[STAGING] = Staging(folder, bytes_max, lambda workspace: quotas.of(workspace).stored)
    app[ADMISSION] = Admission(service.settings.server)
    app.cleanup_ctx.append(_sweeping)
    handle = faultless(_handle)
    # Account and container have one name here; what else has two parts or more is not this edge's.
    app.router.add_route("*", "/{container}/{same:(?P=container)}", handle)
    app.router.add_route("*", "/{container}/{same:(?P=container)}/{blob:(?s:.+)}", handle)


async def _handle(request: web.Request) -> web.StreamResponse:
    container, blob = request.match_info["container"], request.match_info.get("blob", "")
    operation = _operation(request, blob)
    app, service = request.app, request.app[SERVICE]
    name = request.query.get(TENANT, service.workspace.name)
    service.signer.check(
        f"{container}/{blob}" if blob else container,
        request.rel_url.raw_query_string,
        now=service.workspace.now(),
        permission=operation.permission,
        workspace=name,
    )
    # A link carries no key: all who hold links of a workspace are one client.
    app[ADMISSION].check(name, service.workspace.host.storage.clock.monotonic())
    with app[ADMISSION].answering(name):
        request[WORKSPACE] = await service.tenant(name)
        key = blob_key(name, container, blob) if blob else f"{name}/{checked_container(container)}/"
        return await operation.perform(request, Place(container, blob, key))


def _operation(request: web.Request, blob: str) -> Operation:
    """Return what the request asks for. Raises `Fault` if that is nothing."""
    query, operations = request.query, _ON_BLOBS if blob else _ON_CONTAINERS
    methods = sorted({method for method, _ in operations})
    if request.method not in methods:
        allowed = {"Allow": ", ".join(methods)}
        raise Fault(405, "UnsupportedHttpVerb", "this method is not for this address", allowed)
    if unsupported := next((name for name in _UNSUPPORTED if name in query), None):
        raise Fault(400, "UnsupportedQueryParameter", f"there is no {unsupported} here")
    if not blob and query.get("restype", "").lower() != "container":
        raise Fault(400, "MissingRequiredQueryParameter", "restype=container is needed")
    operation = operations.get((request.method, query.get("comp", "").lower()))
    if operation is None:
        raise Fault(400, "UnsupportedQueryParameter", "comp asks for what this gateway does not do")
    return operation


async def _sweeping(app: web.Application) -> AsyncIterator[None]:
    # Not a group of anyio's: its scope would have to end where it began, and applications are closed within another.
    await app[STAGING].recall()
    async with asyncio.TaskGroup() as tasks:
        sweeping = tasks.create_task(_sweep_forever(app[SERVICE], app[STAGING]))
        yield
        sweeping.cancel()


async def _sweep_forever(service: Service, staging: Staging) -> None:
    """Remove blocks that nobody made a blob of, at the start and then once a day."""
    age = timedelta(seconds=service.settings.limits.orphan_age_s)
    while True:
        try:
            removed = await staging.sweep(service.workspace.now() - age)
            logger().debug("staging swept", removed=removed)
        except InfrastructureError as error:
            logger().warning("sweep of staging given up until tomorrow", error=str(error))
        await anyio.sleep(SWEEP_EVERY_S)
