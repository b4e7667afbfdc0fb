"""Containers: there for whoever has a link to one, and made by nobody."""

from __future__ import annotations

from aiohttp import web

from kyanite.http.gateway.addresses import Place
from kyanite.http.gateway.echo import echoed
from kyanite.http.gateway.faults import Fault
from kyanite.http.gateway.listing import asked_listing, document, page_of
from kyanite.http.gateway.properties import check_supported, of_container
from kyanite.http.service import SERVICE, WORKSPACE


async def container_properties(request: web.Request, place: Place) -> web.Response:
    """Tell that the container is there."""
    workspace = request[WORKSPACE]
    described = of_container(workspace.name, place.container, workspace.now())
    return web.Response(headers={**echoed(request), **described})


async def put_container(request: web.Request, place: Place) -> web.Response:
    """Say that the container is made, unless there is something in it already."""
    check_supported(request.headers)
    workspace = request[WORKSPACE]
    if await workspace.blobs.page(place.key, limit=1):
        raise Fault(409, "ContainerAlreadyExists", "the container is there already")
    described = of_container(workspace.name, place.container, workspace.now())
    return web.Response(status=201, headers={**echoed(request), **described})


async def list_blobs(request: web.Request, place: Place) -> web.Response:
    """List the blobs of the container, a page at a time, by name."""
    service = request.app[SERVICE]
    asked = asked_listing(request.query)
    page = await page_of(request[WORKSPACE].blobs, place.key, asked)
    body = document(f"{service.address(request)}/{place.container}", place.container, asked, page)
    return web.Response(headers={**echoed(request), "Content-Type": "application/xml"}, body=body)
