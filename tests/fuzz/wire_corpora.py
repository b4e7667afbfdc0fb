"""Valid inputs of what the daemon reads, small, so that a change hits what matters."""

from datetime import UTC, datetime

from kyanite.http.azure.paging import Position, token_of
from kyanite.http.gateway.signing import Signer
from kyanite.http.keys import PREFIX
from kyanite.ports import Blob

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

FILTERS = (
    {"filter": "startswith(Name, 'it's')", "orderby": "Name asc"},
    {"filter": "(State eq 'Succeeded' or State eq 'JobStatus.FAILED') and (Target eq 'acme.echo')"},
    {"filter": "CreationTime ge 2026-01-02CreationTime le 2026-01-03", "orderby": "CreationTime desc"},
    {
        "filter": "(ItemType eq 'Job') and (JobType eq 'Optimization') and (ProviderId eq 'Microsoft')",
        "orderby": "State",
    },
    {"filter": "CreationTime ge 2026-01-02T03:04:05.678Z and startswith(Name, 'a')", "orderby": "JobType"},
)

LISTING = "/jobs\nfilter\norder"
PAGES = (
    {"token": token_of(Position(0, (1_767_000_000_000_000, "j-1")), LISTING), "top": "10", "skip": "0"},
    {"token": token_of(Position(2, ("Succeeded", 1, "j-\u00fc")), LISTING), "top": "1000", "skip": "20"},
)

_JOB = {
    "id": "j-1",
    "name": "a job",
    "containerUri": "http://localhost:8473/job-j-1/job-j-1?sig=x",
    "inputDataUri": "http://localhost:8473/job-j-1/job-j-1/inputData?sig=x",
    "inputDataFormat": "microsoft.qio.v2",
    "inputParams": {"params": {"seed": 7}},
    "providerId": "microsoft",
    "target": "microsoft.simulatedannealing.cpu",
    "metadata": {"a": "b"},
    "outputDataFormat": "x",
    "sessionId": "s",
    "priority": "High",
    "tags": ["a"],
}
_SESSION = {"id": "s", "name": "n", "providerId": "acme", "target": "t", "jobFailurePolicy": "Continue", "tags": ["a"]}
BODIES = (
    ["job", _JOB],
    ["session", _SESSION],
    ["blob", {"containerName": "c", "blobName": "b"}],
    ["query", {"query": "Resources | where name =~ 'mine'", "subscriptions": ["0"]}],
)
PATCHES = (
    {"id": "j-1", "name": "other", "priority": "High", "tags": ["a", "b"]},
    {"name": None, "tags": None},
    [{"op": "replace", "path": "/name", "value": "n"}, {"op": "remove", "path": "/tags"}],
    [{"op": "add", "path": "/priority", "value": "Standard"}],
)

HOST = "localhost:8473"
ADDRESSES = (
    f"http://{HOST}/job-j-1/job-j-1/inputData?sv=1&sig=x",
    f"https://{HOST}/c/c/a%20name/of%2Fparts#x",
    "http://127.0.0.1:8473/c.d/c.d/b",
    "http://[::1]:8473/c/c/%C3%BC",
    "https://account.blob.core.windows.net/c/b?sig=x",
)
HOSTS = ("localhost:8473", "127.0.0.1", "[::1]:80", "Name.of-a_host.example:65535", "LOCALHOST.")

BLOB = Blob(key="w/c/b", size=100, sha256="ab" * 32, created=NOW)
RANGES = (
    {"Range": "bytes=0-9", "If-Range": f'"{BLOB.sha256}"'},
    {"Range": "bytes=-5", "If-None-Match": 'W/"x", "y"'},
    {"x-ms-range": "bytes=90-", "If-Match": "*"},
    {"Range": "bytes=95-200", "If-Modified-Since": "Thu, 01 Jan 2026 01:01:01 GMT"},
    {"If-Unmodified-Since": "Fri, 02 Jan 2026 03:04:05 GMT", "If-Match": f'"{BLOB.sha256}"'},
)

BLOCK_LISTS = (
    "<?xml version='1.0' encoding='utf-8'?>\n<BlockList><Latest>MDAwMQ==</Latest><Latest>MDAwMg==</Latest></BlockList>",
    "\ufeff<BlockList> <Uncommitted>MDAwMQ==</Uncommitted>\n</BlockList>\n",
    "<BlockList />",
    "<BlockList>" + "<Latest>QQ==</Latest>" * 40 + "</BlockList>",
)

SIGNER = Signer(bytes(range(32)))
SIGNED = ("c", "c/b", "c/b/d")
"""What there is a link to: all of the container, by the first."""
EXPIRES = datetime(2026, 1, 3, tzinfo=UTC)
QUERIES = tuple(
    {"path": path, "query": SIGNER.sign(path, permissions="rw", expires=EXPIRES, container="/" not in path)}
    for path in SIGNED
)

_KEY = {
    "id": "0123456789",
    "name": "n",
    "scope": "submit",
    "digest": "ab" * 32,
    "creation_time": "2026-01-02T03:04:05Z",
}
KEY_FILES = ([_KEY, {**_KEY, "id": "1", "scope": "admin", "revocation_time": "2026-01-02T03:04:06Z"}], [])
SECRET = "5" * 64
TEXT = f"{PREFIX}_0123456789_{SECRET}"
CREDENTIALS = (
    {"Authorization": f"Bearer {TEXT}"},
    {"x-ms-quantum-api-key": TEXT},
    {"Authorization": f"bearer  {TEXT} "},
    {"Host": HOST, "Origin": f"http://{HOST}"},
)
