"""Two tenants that use the same ids: each is answered as if it were alone in the daemon."""

import asyncio
import re
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from kyanite.http.scopes import Scope
from tests.http.limited import limited
from tests.http.places import WORKSPACE
from tests.reliability import counts

EXAMPLES = counts(quick=8, ci=40, soak=2_000)
NAMES = ("alpha", "beta")
OLD = f"/v1.0{WORKSPACE}"
ENDED = {"Prefer": "wait=20"}
BLOCK = {"x-ms-blob-type": "BlockBlob"}


def native(method, path, **options):
    """A request of the native API, of which `ID` is an id and `NTH` what tells one time from another."""
    return varied(method, f"/v1{path}", **options)


def varied(method, path, **options):
    """A request that says something else each time."""
    return lambda client, thing, nth: client.ask(method, filled(path, thing, nth), **filled(options, thing, nth))


def filled(what, thing, nth):
    if isinstance(what, dict):
        return {name: filled(value, thing, nth) for name, value in what.items()}
    if isinstance(what, list):
        return [filled(value, thing, nth) for value in what]
    return what.replace("ID", thing).replace("NTH", str(nth)) if isinstance(what, str) else what


async def uploaded(client, thing, nth):
    url, query = await client.link(f"job-{thing}")
    return await client.ask("PUT", f"{url}/inputData?{query}", data=b"content %d" % nth, headers=BLOCK)


async def submitted(client, thing, nth):
    url, _ = await client.link(f"job-{thing}")
    body = {"name": f"name {nth}", "target": "acme.holds", "inputDataUri": f"{url}/inputData", "containerUri": url}
    return await client.ask("PUT", f"{WORKSPACE}/jobs/{thing}", json=body)


async def downloaded(client, thing, nth):
    url, query = await client.link(f"job-{thing}")
    return await client.ask("GET", f"{url}/{'inputData' if nth else 'rawOutputData'}?{query}")


async def contained(client, thing, nth):
    url, query = await client.link(f"job-{thing}")
    return await client.ask("GET", f"{url}?{query}&restype=container&comp=list&maxresults={nth + 1}")


async def staged(client, thing, nth):
    url, query = await client.link(f"job-{thing}")
    return await client.ask("PUT", f"{url}/b?{query}&comp=block&blockid=MDAw{nth}A==", data=b"x" * nth)


async def waiting(client, thing, nth):
    url, query = await client.link(f"job-{thing}")
    return await client.ask("GET", f"{url}/b?{query}&comp=blocklist&blocklisttype=all")


QUICK = {"job_id": "ID", "target": "acme.quick", "input": "input NTH", "name": "name NTH", "tags": ["tag NTH"]}
HELD = {**QUICK, "target": "acme.holds", "priority": 1}
SESSION = {"session_id": "ID", "target": "acme.quick", "name": "name NTH"}
OPERATIONS = {
    "submit": varied("POST", "/v1/jobs", json=QUICK, headers=ENDED),
    "submit to wait": varied("POST", "/v1/jobs", json=HELD),
    "submit in a session": varied("POST", "/v1/jobs", json={**HELD, "session_id": "ID"}),
    "submit what was uploaded": varied("POST", "/v1/jobs", json={"job_id": "ID", "target": "acme.holds"}),
    "change": varied("PATCH", "/v1/jobs/ID", json={"name": "another NTH", "metadata": {"m": "NTH"}}),
    "open a session": varied("POST", "/v1/sessions", json=SESSION),
    "set a cursor": varied("PUT", "/v1/cursors/ID", json={"position": 7}),
    **{
        f"{method} {path}": native(method, path)
        for method, path in [
            *(
                ("GET", "/jobs"),
                ("GET", "/jobs?limit=1&order=name"),
                ("GET", "/jobs?tag=tag%20NTH"),
                ("GET", "/jobs/ID"),
            ),
            *(("DELETE", "/jobs/ID"), ("POST", "/jobs/ID/cancel"), ("GET", "/counts?by=name"), ("GET", "/counts")),
            *(("GET", "/jobs/ID/input"), ("GET", "/jobs/ID/output"), ("GET", "/jobs/ID/story"), ("GET", "/usage")),
            *(("GET", "/jobs/ID/attachments"), ("GET", "/jobs/ID/attachments/a"), ("GET", "/blobs/c/ID"), ("GET", "")),
            *(("GET", "/sessions"), ("GET", "/sessions/ID"), ("POST", "/sessions/ID/close"), ("GET", "/cursors/ID")),
            *(("GET", "/events?after=0&follow=false"), ("GET", "/jobs/ID/events?after=0&progress=false")),
            *(("GET", "/keys"), ("GET", "/targets/ID"), ("GET", "/jobs?order=rank&descending=true")),
        ]
        if "/jobs/ID/events" not in path
    },
    **{
        f"{method} {path}": native(method, path, data=b"content")
        for method, path in [("PUT", "/jobs/ID/input"), ("PUT", "/jobs/ID/attachments/a"), ("PUT", "/blobs/c/ID")]
    },
    **{
        f"{method} Azure's {path}": varied(method, f"{root}/{path}")
        for root in (WORKSPACE, OLD)
        for method, path in [
            *(("GET", "jobs"), ("GET", "jobs/ID"), ("DELETE", "jobs/ID"), ("POST", "jobs/ID:cancel")),
            *(("GET", "topLevelItems"), ("GET", "sessions/ID/jobs"), ("POST", "sessions/ID:close")),
            *(("GET", "providerStatus"), ("GET", "quotas"), ("GET", "jobs?top=1&orderby=Name%20asc")),
        ]
    },
    "change, as Azure has it": varied("PATCH", f"{WORKSPACE}/jobs/ID", json={"tags": ["tag NTH"]}),
    **{call.__name__: call for call in (uploaded, submitted, downloaded, contained, staged, waiting)},
}

STEPS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(OPERATIONS)), st.sampled_from("xy"), st.integers(0, 1)),
    min_size=10,
    max_size=60,
)

_UNEQUAL = (
    (r"http://127\.0\.0\.1:\d+", "<address>"),
    (r"\d{4}-\d\d-\d\dT[\d:.%A-F]+(Z|\+00:00)", "<time>"),
    (r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", "<time>"),
    (r"sig=[\w%-]+", "<signature>"),
    (r"'next': '[\w-]+'|skipToken=[\w%-]+|token=[\w%-]+", "<place>"),
    (r"\"position\":\d+|'position': \d+|id: \d+", "<position>"),  # in the one log of all
    (r"(\"|')rank\1: ?[\d.]+", "<rank>"),
    (r"(\"|')event_id\1: ?\1[0-9a-f]+", "<event>"),
    (r"inputData-[0-9a-f]+", "<input>"),
    (r"'id': '[0-9a-f]{10}'", "<key>"),
)


def normalised(answer):
    """What was answered, without what is never twice the same."""
    status, headers, content = answer
    kept = {name: headers.get(name) for name in ("Content-Type", "ETag", "Location", "x-ms-error-code", "Allow")}
    text = str((status, kept, content))
    for pattern, name in _UNEQUAL:
        text = re.sub(pattern, name, text)
    return text


@asynccontextmanager
async def tenants():
    """A daemon of two workspaces, and a client for each; no job of theirs begins on its own account."""
    with TemporaryDirectory() as folder:
        async with limited(folder, keys_required=True) as client:
            first = client.running.service.workspace

            @first.target("acme.quick")
            async def quick(task):
                await task.write_output(await task.read_input())

            await first.submit("acme.holds", 1)  # which leaves none of its slots
            keys = client.running.keys
            yield {name: client.beside(key=keys.create("", Scope.ADMIN, name)[1]) for name in NAMES}


async def told(steps):
    """What each tenant is answered in a daemon of its own life."""
    answers = {name: [] for name in NAMES}
    async with tenants() as clients:
        for name, operation, thing, nth in steps:
            answer = await OPERATIONS[operation](clients[name], thing, nth)
            answers[name].append((operation, normalised(answer)))
    return answers


@settings(max_examples=EXAMPLES, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # to shrink takes daemons
@given(STEPS)
def test_nobody_sees_what_another_has(steps):
    together = asyncio.run(told(steps))
    for name in NAMES:
        alone = asyncio.run(told([step for step in steps if step[0] == name]))
        assert together[name] == alone[name]
    assert not any("InternalServerError" in answer for name in NAMES for _, answer in together[name])


BEFORE = (
    *(
        (),
        ("staged",),
        ("open a session",),
        ("PUT /jobs/ID/input",),
        ("uploaded", "submitted"),
        ("PUT /blobs/c/ID", "set a cursor"),
    ),
    ("submit", "PUT /jobs/ID/attachments/a"),
)


def test_there_is_something_to_be_seen():
    """Each operation is answered well after some others: what never is would prove little above."""
    steps = [
        ("alpha", way, f"{number}-{at}", 0)
        for number, before in enumerate(BEFORE)
        for at, operation in enumerate(OPERATIONS)
        for way in (*before, operation)
    ]
    answers = asyncio.run(told(steps))["alpha"]
    well = {way for way, answer in answers if answer.startswith(("(200", "(201", "(204"))}
    assert OPERATIONS.keys() - well == {"GET /targets/ID"}
