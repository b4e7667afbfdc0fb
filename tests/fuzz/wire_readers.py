"""What reads the inputs of the daemon, and what must hold of those that it takes.

Every one of them raises the error that is documented for it; what an edge answers with instead is raised here as
`PermissionError`.
"""

import json
import tempfile
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from kyanite.blobs.keys import is_safe
from kyanite.config import Settings
from kyanite.core.job import Status
from kyanite.http.access import _granted
from kyanite.http.azure import bodies, discovery, paging
from kyanite.http.azure.query import ORDERS, selection_of
from kyanite.http.gateway.addresses import blob_key, key_in
from kyanite.http.gateway.blocks import ID_BYTES_MAX, listed
from kyanite.http.gateway.ranges import asked_range, check_conditions
from kyanite.http.keys import Keys
from kyanite.http.scopes import Scope
from kyanite.http.service import WORKSPACE, Service, State
from tests.fuzz import corpora, wire_corpora

FOLDER = tempfile.TemporaryDirectory(prefix="kyanite-fuzz-keys-")
LISTENING = "http://127.0.0.1:8473"


def read_filter(content):
    given = texts(content, "filter", "orderby")
    selection = selection_of(given.get("filter", ""), given.get("orderby", ""))
    assert selection.order in ORDERS.values()
    for moment in (selection.created_after, selection.created_before):
        assert moment is None or moment.tzinfo is not None


def read_page(content):
    given = texts(content, "top", "skip", "token")
    assert 1 <= paging.page_size(given) <= paging.SIZE_MAX
    assert 0 <= paging.skip(given) <= paging.SKIP_MAX
    position = paging.position_of(given.get("token", ""), wire_corpora.LISTING)
    assert paging.token_of(position, wire_corpora.LISTING) == given["token"]
    link = paging.next_link(LISTENING, "/jobs", given, given["token"])
    assert link.isascii()
    assert link.isprintable()
    assert not set("{} ") & set(link)


_KINDS = {
    "job": bodies.JobBody,
    "session": bodies.SessionBody,
    "blob": bodies.BlobBody,
    "query": bodies.ResourceQuery,
}


def read_body(content):
    """The kind of the body is the first text in it."""
    kind = next((name for name in _KINDS if f'"{name}"'.encode() in content[:12]), "job")
    body = bodies.read(content[content.find(b",") + 1 : -1], _KINDS[kind])
    if kind == "job":
        given = bodies.submission(body, "j-1", "kyanite:///default/job-j-1/inputData")
        assert isinstance(given["target"], str)
        assert given["priority"] in {0, bodies.HIGH_PRIORITY}
    elif kind == "session":
        assert bodies.opening(body, "s")["session_id"] == "s"
    elif kind == "query":
        assert all(len(match["value"]) <= 90 for match in discovery._NAME.finditer(body.query))


def read_patch(content):
    changes = bodies.amendment(content, msgspec.structs.replace(corpora.DETAILS, status=Status.WAITING))
    assert set(changes) <= {"name", "tags", "priority"}
    assert isinstance(changes.get("name", ""), str)
    assert isinstance(changes.get("tags", []), list)


def read_address(content):
    key = key_in(_request({"Host": wire_corpora.HOST}), content.decode(errors="surrogateescape"))
    if key is None:
        raise PermissionError("not ours")
    workspace, container, blob = key.split("/", 2)
    assert workspace == "default"
    assert is_safe(key)
    assert blob_key(workspace, container, blob) == key


def read_host(content):
    text = content.decode("utf-8", "surrogateescape")
    request = _request({"Host": text})
    address = SERVICE.address(request)
    assert address in {LISTENING, f"http://{text}"}
    assert not set(' \r\n"<>?#@/\\') & set(address.removeprefix("http://"))
    _let_in(request, KEYS, required=False)


def read_range(content):
    headers = CIMultiDict(texts(content, "Range", "If-Match", "If-Modified-Since"))
    check_conditions(headers, wire_corpora.BLOB)
    asked = asked_range(headers, wire_corpora.BLOB)
    assert asked is None or 0 <= asked[0] < asked[1] <= wire_corpora.BLOB.size


def read_block_list(content):
    assert all(1 <= len(block) <= ID_BYTES_MAX for block in listed(content))


def read_query(content):
    """What is granted is what was signed, whatever else the query says."""
    given = texts(content, "path", "query")
    path = given.get("path", "")
    grant = wire_corpora.SIGNER.check(path, given.get("query", ""), now=wire_corpora.NOW, permission="w")
    signed = grant.container if grant.blob is None else f"{grant.container}/{grant.blob}"
    assert signed in wire_corpora.SIGNED
    assert path == signed or (signed == "c" and path.partition("/")[0] == "c")
    assert (grant.permissions, grant.expires) == ("rw", wire_corpora.EXPIRES)


def read_key_file(content):
    path = Path(FOLDER.name) / "keys.json"
    path.write_bytes(content)
    keys = Keys(FOLDER.name)
    for key in keys.all():
        assert isinstance(key.granted, Scope)
        assert key.scopes
    assert keys.find(wire_corpora.TEXT) is None or wire_corpora.SECRET not in content.decode(errors="replace")


def read_credentials(content):
    given = texts(content, "Authorization", "x-ms-quantum-api-key")
    granted = _let_in(_request(given), KEYS, required="Host" not in given)
    assert granted[:2] == ((Scope.OPERATE, None) if "Host" in given else (Scope.SUBMIT, "default"))


def _let_in(request, keys, *, required):
    granted = _granted(request, keys, required=required)
    if isinstance(granted, web.Response):
        assert granted.status in {401, 403}
        raise PermissionError(granted.status)
    return granted


class Asked(SimpleNamespace):
    """A request about the first workspace."""

    def __getitem__(self, key):
        return {WORKSPACE: SERVICE.workspace}[key]


def _request(headers):
    return Asked(
        headers=CIMultiDict(headers),
        host=headers.get("Host", ""),
        scheme="http",
        remote="127.0.0.1",
        get_extra_info=lambda name: ("127.0.0.1", 8473),
    )


def texts(content, *names):
    """A mapping of texts, or, where the input is none, all of it under each of these names; nothing else can come."""
    try:
        given = json.loads(content)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return dict.fromkeys(names, content.decode(errors="surrogateescape"))
    return {name: text for name, text in given.items() if isinstance(text, str)}


def _keys():
    """Keys of which there is one, whose text is known."""
    folder = Path(FOLDER.name) / "known"
    folder.mkdir()
    digest = sha256(wire_corpora.SECRET.encode()).hexdigest()
    (folder / "keys.json").write_text(json.dumps([{**wire_corpora.KEY_FILES[0][0], "digest": digest}]))
    return Keys(folder)


KEYS = _keys()
SERVICE = Service(
    SimpleNamespace(name="default", settings=Settings()), Settings(), wire_corpora.SIGNER, State(listening=LISTENING)
)
