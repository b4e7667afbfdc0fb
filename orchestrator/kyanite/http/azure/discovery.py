"""Discovery: where the newer client learns the address of a workspace, as from Azure's resource manager and its graph.

Every workspace it asks for is the one that is served here, at the address that was asked.
"""

from __future__ import annotations

import re
from typing import Any, Final

from aiohttp import web

from kyanite.errors import InvalidRequest
from kyanite.http.azure import bodies
from kyanite.http.azure.answers import answer
from kyanite.http.service import SERVICE

LOCATION: Final = "eastus"
"""The client takes nothing but a region of Azure's."""
KIND: Final = "V2"
"""Of a workspace of the first kind, the client shows only those targets that it has a class for."""
SUBSCRIPTION: Final = "00000000-0000-0000-0000-000000000000"
GROUP: Final = "kyanite"

_NAME = re.compile(r"(?<![A-Za-z])(?P<field>name|resourceGroup|location)\s*=~\s*'(?P<value>[\w.()-]{1,90})'", re.ASCII)
_SUBSCRIPTION = re.compile(r"[0-9A-Fa-f-]{36}")


async def workspace(request: web.Request) -> web.Response:
    """GET the workspace as a resource."""
    named = request.match_info
    resource = f"/subscriptions/{named['subscription']}/resourceGroups/{named['group']}"
    return answer(
        {
            "id": f"{resource}/providers/Microsoft.Quantum/workspaces/{named['workspace']}",
            "name": named["workspace"],
            "type": "microsoft.quantum/workspaces",
            "location": LOCATION,
            "properties": {
                "endpointUri": _endpoint(request),
                "workspaceKind": KIND,
                "provisioningState": "Succeeded",
                "usable": "Yes",
            },
        }
    )


async def resource_graph(request: web.Request) -> web.Response:
    """POST a query for a workspace by name: one row, with what the query says of it and defaults for the rest."""
    wanted = bodies.read(await request.read(), bodies.ResourceQuery)
    asked = {match["field"]: match["value"] for match in _NAME.finditer(wanted.query)}
    if "name" not in asked:
        raise InvalidRequest("query", "names no workspace, as in `where name =~ 'mine'`")
    row = {
        "name": asked["name"],
        "subscriptionId": _subscription(wanted.subscriptions),
        "resourceGroup": asked.get("resourceGroup", GROUP),
        "location": asked.get("location", LOCATION),
        "endpointUri": _endpoint(request),
        "workspaceKind": KIND,
    }
    return answer(_table(row))


def _table(row: dict[str, Any]) -> dict[str, Any]:
    return {"totalRecords": 1, "count": 1, "resultTruncated": "false", "data": [row]}


def _subscription(asked: list[str] | None) -> str:
    found = [text for text in asked or () if _SUBSCRIPTION.fullmatch(text)]
    return found[0] if found else SUBSCRIPTION


def _endpoint(request: web.Request) -> str:
    return request.app[SERVICE].address(request) + "/"
