"""Signed links into the blob gateway: those that clients ask for, and those that jobs are shown with."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from kyanite.blobs.keys import key_of
from kyanite.core.job import JobDetails
from kyanite.errors import InvalidRequest
from kyanite.http import gateway
from kyanite.http.azure import bodies
from kyanite.http.azure.answers import answer
from kyanite.http.azure.wire import Links
from kyanite.http.scopes import Scope
from kyanite.http.service import ACCESS, SERVICE


async def sas_uri(request: web.Request) -> web.Response:
    """POST `storage/sasUri`: a link to a container or a blob, for all that the client may do with it.

    Nothing is created: a container is there as soon as somebody holds a link to it.
    """
    wanted = bodies.read(await request.read(), bodies.BlobBody)
    return answer({"sasUri": link(request, wanted.container_name, wanted.blob_name)})


def links(request: web.Request, details: JobDetails) -> Links:
    """Return the links that a job is shown with."""
    container = details.container.partition("/")[2]
    return Links(
        container=link(request, container),
        input=_input(request, details.input_data_uri),
        output=link(request, container, gateway.OUTPUT_ALIAS, permissions="r"),
    )


def link(request: web.Request, container: str, blob: str | None = None, *, permissions: str = "") -> str:
    """Return a signed link, unless told otherwise for all that the client may do. Raises `InvalidRequest`."""
    service = request.app[SERVICE]
    return gateway.signed_url(
        service,
        request,
        container,
        blob or None,
        permissions=permissions or _permissions(request, whole=not blob),
        life=timedelta(seconds=service.settings.server.link_life_s),
    )


def _permissions(request: web.Request, *, whole: bool) -> str:
    letters = "r" if request[ACCESS] < Scope.SUBMIT else "racw"
    return letters + "l" if whole else letters


def _input(request: web.Request, uri: str) -> str:
    """Return a link to an input; itself where no link can have its name, as programs of our own may choose it."""
    _, container, blob = key_of(uri).split("/", 2)
    try:
        return link(request, container, blob, permissions="r")
    except InvalidRequest:
        return uri
