"""Who may do what: every operation of the daemon with the least scope that it takes, and what a client sends for it.

The table is written by hand, and what there is to ask is read off the published page and the router. Neither may have
what the other has not.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

from kyanite.http.access import OPEN
from kyanite.http.gateway.routes import _ON_BLOBS, _ON_CONTAINERS
from kyanite.http.scopes import Scope

PAGE = Path(__file__).parents[2] / "docs" / "openapi.json"
WORKSPACE = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Quantum/workspaces/{workspace}"

ANYBODY, READ, SUBMIT, ADMIN, OPERATE, NOBODY = 0, *Scope, 9

LEAST = {
    # The native API, by the ids of its operations.
    **dict.fromkeys(("getOpenApi", "getDocs", "callBack"), ANYBODY),
    **dict.fromkeys(("getRoot", "getUsage", "listTargets", "getTarget"), READ),
    **dict.fromkeys(("listJobs", "countJobs", "getJob", "getStory", "getInput", "getOutput", "getBlob"), READ),
    **dict.fromkeys(("listAttachments", "getAttachment", "followJob", "followLog", "getCursor"), READ),
    **dict.fromkeys(("listSessions", "getSession"), READ),
    **dict.fromkeys(("submitJob", "changeJob", "cancelJob", "putInput", "putAttachment", "putBlob"), SUBMIT),
    **dict.fromkeys(("putCursor", "openSession", "closeSession"), SUBMIT),
    **dict.fromkeys(("deleteJob", "listKeys", "createKey", "revokeKey"), ADMIN),
    "listLetters": SUBMIT,
    **dict.fromkeys(("listSubscribers", "listAttempts", "replay", "listWebhooks", "addWebhook", "getWebhook"), ADMIN),
    **dict.fromkeys(("changeWebhook", "removeWebhook", "rotateWebhook", "testWebhook"), ADMIN),
    **dict.fromkeys(("checkStore", "examineDaemon", "listSettings"), OPERATE),
    # Azure's paths, in each of their spellings.
    **dict.fromkeys(("GET jobs", "GET jobs/{id}", "GET sessions", "GET sessions/{id}"), READ),
    **dict.fromkeys(("GET sessions/{id}/jobs", "GET topLevelItems", "GET workspace"), READ),
    **dict.fromkeys(("GET providerStatus", "GET quotas", "GET quotaUsages"), READ),
    **dict.fromkeys(("POST storage/sasUri", "POST resources"), READ),
    **dict.fromkeys(("PUT jobs/{id}", "PATCH jobs/{id}", "POST jobs/{id}:cancel"), SUBMIT),
    **dict.fromkeys(("PUT sessions/{id}", "POST sessions/{id}:close"), SUBMIT),
    "DELETE jobs/{id}": ADMIN,
    "DELETE v1.0 jobs/{id}": SUBMIT,  # it cancels
    # Who watches the daemon.
    "GET /metrics": OPERATE,
    **dict.fromkeys(("GET /healthz", "GET /readyz"), ANYBODY),
    # Blobs, by links: for the scope that a link to do so is given to.
    **dict.fromkeys(("GET container", "GET container list", "GET blob", "GET blob blocklist"), READ),
    **dict.fromkeys(("PUT container", "PUT blob", "PUT blob block", "PUT blob blocklist"), SUBMIT),
    "DELETE blob": NOBODY,
}

CHANGES_NOTHING = {"POST storage/sasUri", "POST resources", "PUT container", "callBack", "testWebhook"}
STANDING = {
    "job_id": "alpha-job",
    "session_id": "alpha-session",
    "container": "alpha-things",
    "name": "alpha-x",
    "webhook": "alpha-hook",
}
"""What there is in the workspace alpha, by the parameter that names it; a target is everybody's."""

_SAMPLES = {
    "subscription": "00000000-0000-0000-0000-000000000000",
    "group": "local",
    "workspace": "local",
    # The words of Azure's paths, in another case of letters.
    "s": "Subscriptions",
    "g": "RESOURCEGROUPS",
    "p": "Providers",
    "q": "microsoft.quantum",
    "w": "WORKSPACES",
    "target_id": "acme.echo",
    "token": "of-no-job",
}


class Asked(NamedTuple):
    """One way to ask for an operation. A HEAD has the name of its GET."""

    name: str
    method: str
    path: str
    body: object = None
    streams: bool = False

    @property
    def parameters(self):
        """Those that name what a workspace has, as `STANDING` knows them."""
        kind = "session_id" if "/sessions/{id}" in self.path else "job_id"
        found = [kind if name == "id" else name for name in re.findall(r"\{(\w+)\}", self.path)]
        return [name for name in found if name not in _SAMPLES]

    @property
    def changes(self):
        return self.method not in {"GET", "HEAD"} and self.name not in CHANGES_NOTHING

    def filled(self, **values):
        """The path with these values of its parameters."""
        own = values.get("session_id" if "/sessions/{id}" in self.path else "job_id")
        return self.path.format_map({**_SAMPLES, **values, "id": own})


def native():
    """What the published page says there is; of a GET there is a HEAD, too, unless its answer goes on."""
    document = json.loads(PAGE.read_text())
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            streams = "text/event-stream" in about["responses"]["200"]["content"] if method == "get" else False
            ends = not streams and "application/x-ndjson" not in about["responses"].get("200", {}).get("content", {})
            asked = Asked(about["operationId"], method.upper(), path, _example(about), streams)
            yield asked
            if method == "get" and ends:
                yield asked._replace(method="HEAD")


def routed(app):
    """What the router says there is beside the native API and blobs: Azure's paths, and who watches."""
    for route in app.router.routes():
        path = route.resource.canonical
        if (path == "/v1" or path.startswith("/v1/")) or route.method == "*":
            continue
        name = _shortened("GET" if route.method == "HEAD" else route.method, path)
        yield Asked(name, route.method, path, AZURE_BODIES.get(name))


def linked():
    """What is asked of the blob gateway, by method and the parameter `comp`; each takes a link."""
    container, blob = "/{container}/{container}?restype=container", "/{container}/{container}/{name}?"
    for place, path, operations in (("container", container, _ON_CONTAINERS), ("blob", blob, _ON_BLOBS)):
        for method, comp in operations:
            name = " ".join(filter(None, ("GET" if method == "HEAD" else method, place, comp)))
            more = f"&comp={comp}" * bool(comp) + "&blockid=MDAwMQ==" * (comp == "block")
            content = b"<BlockList></BlockList>" if comp == "blocklist" else b"content"
            yield Asked(name, method, path + more, content if method == "PUT" else None)


def routes_of(app):
    """Method and path of every route, and the paths that ask for no key."""
    routes = {(route.method, route.resource.canonical) for route in app.router.routes()}
    return routes, {resource.canonical for resource in app[OPEN]}


def _example(about):
    content = about.get("requestBody", {}).get("content", {})
    for media, sent in content.items():
        return sent["example"] if media == "application/json" else b"[1, 2]"
    return None


def _shortened(method, path):
    """A route by what tells it from others, such as `PUT jobs/{id}`."""
    if "{workspace}" not in path:
        return f"{method} {path.rpartition('/')[2] if path.startswith('/providers') else path}"
    old = "v1.0 " if method == "DELETE" and path.startswith("/v1.0") else ""
    return f"{method} {old}{path.rpartition('{workspace}')[2].removeprefix('/') or 'workspace'}"


def _job(address):
    return {"target": "acme.echo", "inputDataUri": f"{address}/everybody/everybody/input"}


AZURE_BODIES = {
    "PUT jobs/{id}": _job,
    "PATCH jobs/{id}": {"name": "another"},
    "PUT sessions/{id}": {"target": "acme.echo", "providerId": "acme"},
    "POST storage/sasUri": {"containerName": "alpha-things"},
    "POST resources": {"query": "Resources | where name =~ 'local'"},
}
