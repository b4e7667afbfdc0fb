"""The blob gateway: the part of Azure's blob service that the clients use, over the workspace's own blobs.

A container `C` is what lies under the keys `<workspace>/C/`, and its address is `http://HOST/C/C`: the clients of two
generations agree on where the container's name stands only if account and container are spelt alike. Every request is
signed (`signing`); blobs are created once and never changed. `addresses` is what other edges need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kyanite.http.gateway.addresses import OUTPUT_ALIAS, key_in, signed_url
from kyanite.http.gateway.signing import Signer, signer_in

if TYPE_CHECKING:
    from aiohttp import web

    from kyanite.http.service import Service

__all__ = ["OUTPUT_ALIAS", "Signer", "add_routes", "key_in", "signed_url", "signer_in"]


def add_routes(app: web.Application, service: Service) -> None:
    """Answer at `/{account}/{container}` and `/{account}/{container}/{blob}`, whatever the method.

    Uploads are stored as they come only if the server leaves bodies as they are: run it with `auto_decompress=False`.
    """
    # Not above: the service knows the signer, and the handlers know the service.
    from kyanite.http.gateway.routes import add_to

    add_to(app, service)
