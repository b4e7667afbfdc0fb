"""What a request, a workspace and a client may have: just that much is taken, and a little more refused."""

import asyncio
import json
from base64 import b64encode
from contextlib import AsyncExitStack

import pytest

from kyanite.http.application import BODY_BYTES_MAX
from kyanite.http.scopes import Scope
from tests.http.limited import BLOBS, JOBS, job, limited, until
from tests.http.places import WORKSPACE

INVALID = "InvalidRequest"
BLOCK = {"x-ms-blob-type": "BlockBlob"}


def padded(size, document):
    """JSON of this many bytes."""
    return json.dumps(document).encode().ljust(size)


async def in_pieces(content):
    for at in range(0, len(content), 1 << 20):
        yield content[at : at + (1 << 20)]


async def test_a_body(tmp_path):
    async with limited(tmp_path) as client:
        azure = f"{WORKSPACE}/storage/sasUri"
        for path, document, status in ((JOBS, job(), 201), (azure, {"containerName": "c"}, 200)):
            longest, longer = (padded(BODY_BYTES_MAX + more, document) for more in (0, 1))
            assert await client.status("POST", path, data=longest) == status
            assert await client.status("POST", path, data=in_pieces(longest)) == status
            await client.refused(413, "RequestBodyTooLarge", "POST", path, data=longer)
            await client.refused(413, "RequestBodyTooLarge", "POST", path, data=in_pieces(longer))
        assert client.running.service.state.bodies.room.taken == 0


async def test_the_head_of_a_request(tmp_path):
    """What is longer is told by 400, as other things are that the parser does not take."""
    async with limited(tmp_path) as client:
        heads = [
            ("/healthz?" + "x" * 8_181, {}, 200),
            ("/healthz?" + "x" * 8_182, {}, 400),
            ("/healthz", {"n": "v" * 8_189}, 200),
            ("/healthz", {"n": "v" * 8_192}, 400),
            ("/healthz", {f"h{number}": "v" for number in range(123)}, 200),
            ("/healthz", {f"h{number}": "v" for number in range(129)}, 400),
        ]
        for path, headers, status in heads:
            found, told, content = await client.ask("GET", path, headers=headers)
            assert (found, "too long" in str(content)) == (status, status == 400)
            assert (told["X-Content-Type-Options"], told["Cache-Control"]) == ("nosniff", "no-store")


async def test_parts_of_a_path(tmp_path):
    async with limited(tmp_path) as client:
        for path, most in (("/v1/jobs/{}", 260), ("/v1/targets/{}", 260), ("/v1/cursors/{}", 1_024)):
            assert await client.status("GET", path.format("x" * most)) == 404
            await client.refused(422, INVALID, "GET", path.format("x" * (most + 1)))
        path = f"{WORKSPACE}/jobs/{{}}"
        assert await client.status("GET", path.format("x" * 260)) == 404
        await client.refused(400, INVALID, "GET", path.format("x" * 261))


def nested(depth):
    """JSON that is nested so deep, of which one level is the body's own."""
    return b'{"target":"acme.holds","input":%b%b}' % (b"[" * (depth - 1), b"]" * (depth - 1))


FIELDS = [
    *(("job_id", "x" * 128, "x" * 129), ("name", "x" * 512, "x" * 513), ("provider_id", "acme", "x" * 513)),
    *(("tags", [str(tag) for tag in range(64)], [str(tag) for tag in range(65)]), ("tags", ["x" * 256], ["x" * 257])),
    *(("priority", 1_000, 1_001), ("priority", -1_000, -1_001), ("attempts_max", 100, 101), ("attempts_max", 1, 0)),
    *(("timeout_s", 366 * 86_400, 366 * 86_400 + 1), ("metadata", {"a": "x" * 65_528}, {"a": "x" * 65_529})),
    ("input_params", "x" * ((1 << 20) - 2), "x" * ((1 << 20) - 1)),
]


async def test_what_a_job_says_of_itself(tmp_path):
    async with limited(tmp_path) as client:
        for field, most, more in FIELDS:
            assert await client.status("POST", JOBS, json=job(**{field: most})) == 201, field
            problem = await client.refused(422, INVALID, "POST", JOBS, json=job(**{field: more}))
            assert problem["field"].partition("[")[0] == field
        assert await client.status("POST", JOBS, data=nested(100)) == 201
        await client.refused(422, INVALID, "POST", JOBS, data=nested(101))
        for key, status in (("k" * 255, 201), ("k" * 256, 422)):
            assert await client.status("POST", JOBS, json=job(), headers={"Idempotency-Key": key}) == status


async def test_other_names_and_pages(tmp_path):
    async with limited(tmp_path) as client:
        async with client.request("POST", JOBS, json=job(job_id="j")) as answer:
            assert answer.status == 201
        sent = [
            ("/v1/sessions", {"session_id": "x" * 128, "target": "acme.holds"}, {"session_id": "x" * 129}),
            ("/v1/sessions", {"name": "x" * 512, "target": "acme.holds"}, {"name": "x" * 513}),
            ("/v1/keys", {"name": "x" * 512}, {"name": "x" * 513}),
            ("/v1/jobs/j/cancel", {"reason": "x" * 1_000}, {"reason": "x" * 1_001}),
        ]
        for path, most, more in sent:
            assert await client.status("POST", path, json=most) in {200, 201}, path
            await client.refused(422, INVALID, "POST", path, json=most | more)
        for path in (JOBS, "/v1/sessions", "/v1/keys", "/v1/jobs/j/story", "/v1/jobs/j/attachments"):
            for limit, status in ((1, 200), (1_000, 200), (0, 422), (1_001, 422)):
                assert await client.status("GET", f"{path}?limit={limit}") == status, path


async def test_cursors(tmp_path, monkeypatch):
    monkeypatch.setattr("kyanite.http.native.cursors.CURSORS_MAX", 2)
    async with limited(tmp_path) as client:
        for name in ("a", "b", "a"):
            assert await client.status("PUT", f"/v1/cursors/{name}", json={"position": 1}) == 200
        await client.refused(429, "QuotaExceeded", "PUT", "/v1/cursors/c", json={"position": 1})
        assert await client.beside("other").status("PUT", "/v1/cursors/c", json={"position": 1}) == 200


async def test_open_jobs(tmp_path):
    async with limited(tmp_path, quota={"open_jobs_max": 2}) as client:
        for number in range(2):
            assert await client.status("POST", JOBS, json=job(job_id=f"j{number}")) == 201
        await client.refused(429, "QuotaExceeded", "POST", JOBS, json=job())
        url, _ = await client.link("c")
        assert await client.status("PUT", f"{BLOBS}/c/input", data=b"1") == 201
        azure = {"target": "acme.holds", "inputDataUri": f"{url}/input"}
        await client.refused(429, "QuotaExceeded", "PUT", f"{WORKSPACE}/jobs/j3", json=azure)
        assert await client.beside("other").status("POST", JOBS, json=job()) == 201
        assert await client.status("POST", f"{JOBS}/j1/cancel") == 200
        assert await client.status("PUT", f"{WORKSPACE}/jobs/j3", json=azure) == 201
        await client.refused(429, "QuotaExceeded", "POST", JOBS, json=job())


async def test_submits_a_second(tmp_path):
    async with limited(tmp_path, quota={"submits_per_s": 0.001}) as client:
        assert [await client.status("POST", JOBS, json=job()) for _ in range(10)] == [201] * 10
        status, headers, _ = await client.ask("POST", JOBS, json=job())
        assert (status, int(headers["Retry-After"]) > 900) == (429, True)
        assert await client.beside("other").status("POST", JOBS, json=job()) == 201


STORED_MAX = 1_000


async def inline(client, size):
    return await client.ask("POST", JOBS, json=job(input_bytes=b64encode(bytes(size)).decode(), input=None))


async def before(client, size):
    return await client.ask("PUT", f"{JOBS}/j{size}/input", data=bytes(size))


async def shared(client, size):
    return await client.ask("PUT", f"{BLOBS}/c/b{size}", data=in_pieces(bytes(size)))


async def attached(client, size):
    if await client.status("GET", f"{JOBS}/j") == 404:
        await client.ask("POST", JOBS, json=job(job_id="j", input=""))
    return await client.ask("PUT", f"{JOBS}/j/attachments/a{size}", data=bytes(size))


async def linked(client, size):
    url, query = await client.link("c")
    return await client.ask("PUT", f"{url}/b{size}?{query}", data=bytes(size), headers=BLOCK)


async def staged(client, size):
    url, query = await client.link("c")
    return await client.ask("PUT", f"{url}/b{size}?{query}&comp=block&blockid=MDAwMQ==", data=bytes(size))


@pytest.mark.parametrize("door", [inline, before, shared, attached, linked, staged])
async def test_stored_bytes(tmp_path, door):
    async with limited(tmp_path, quota={"stored_bytes_max": STORED_MAX}) as client:
        for size, status in ((STORED_MAX + 1, 429), (STORED_MAX - 1, 201), (2, 429), (1, 201), (3, 429)):
            found, headers, content = await door(client, size)
            assert (found, "QuotaExceeded" in str(content)) == (status, status == 429), (size, content)
            assert ("Retry-After" in headers) is (status == 429)
        other = client.beside("other")
        assert (await door(other, STORED_MAX))[0] == 201
        for another in (inline, before, shared, linked, staged):
            assert (await another(other, 4))[0] == 429


async def made_of_blocks(client, blob):
    url, query = await client.link("c")
    document = "<BlockList><Latest>MDAwMQ==</Latest></BlockList>"
    return await client.status("PUT", f"{url}/{blob}?{query}&comp=blocklist", data=document)


async def test_blocks_take_room_until_they_are_a_blob_and_over_a_restart(tmp_path):
    quota = {"stored_bytes_max": STORED_MAX}
    async with limited(tmp_path, quota=quota) as client:
        assert (await staged(client, 600))[0] == 201
        assert (await staged(client, 600))[0] == 429  # as there would be both for a moment
        assert (await staged(client, 300))[0] == 201
        assert (await shared(client, 101))[0] == 429
    async with limited(tmp_path, quota=quota) as client:
        assert (await shared(client, 101))[0] == 429
        assert (await shared(client, 100))[0] == 201
        assert await made_of_blocks(client, "b600") == 201
        assert (await shared(client, 1))[0] == 429
        assert await client.status("DELETE", f"{JOBS}/none") == 404
        assert await made_of_blocks(client, "b300") == 201
        usage = (await client.ask("GET", "/v1/usage"))[2]
        assert usage["stored_bytes"] == STORED_MAX
        quotas = client.running.service.workspace.host.engine.quotas
        assert quotas.of("default").stored.claimed == 0


async def test_event_streams(tmp_path):
    async with limited(tmp_path, quota={"event_streams_max": 2}) as client, AsyncExitStack() as streams:
        opened = [await streams.enter_async_context(client.request("GET", "/v1/events")) for _ in range(2)]
        assert [stream.status for stream in opened] == [200, 200]
        await client.refused(429, "QuotaExceeded", "GET", "/v1/events")
        async with client.beside("other").request("GET", "/v1/events") as stream:
            assert stream.status == 200
        opened[0].close()

        async def free():
            async with client.request("GET", "/v1/events") as stream:
                return stream.status == 200

        await until(free, "a reader that has left is counted")


async def test_requests_at_once(tmp_path):
    async with limited(tmp_path, requests_max=2, keys_required=True) as client:
        keys = client.running.keys
        one, other = (client.beside(key=keys.create("", Scope.ADMIN)[1]) for _ in range(2))
        assert await one.status("POST", JOBS, json=job(job_id="j")) == 201
        waits = {"Prefer": "wait=60"}
        async with asyncio.TaskGroup() as group:
            held = [group.create_task(one.status("GET", f"{JOBS}/j", headers=waits)) for _ in range(2)]

            async def full():
                return await one.status("GET", "/v1") == 429

            await until(full, "two are being answered")
            problem = await one.refused(429, "TooManyRequests", "GET", "/v1")
            assert "server.requests_max is 2" in problem["detail"]
            assert await other.status("POST", f"{JOBS}/j/cancel") == 200
        assert [each.result() for each in held] == [200, 200]
        assert await one.status("GET", "/v1") == 200


async def test_requests_by_links(tmp_path):
    """Whoever holds links of a workspace is one client, and those of another workspace are another."""
    async with limited(tmp_path, requests_per_s=0.001) as client:
        for name in ("default", "other"):
            address, query = await client.beside(name).link("c")
            asked = [await client.status("GET", f"{address}?restype=container&{query}") for _ in range(11)]
            assert asked == [200] * 10 + [429]


async def test_requests_a_second(tmp_path):
    async with limited(tmp_path, requests_per_s=0.001, keys_required=True) as client:
        keys = client.running.keys
        one, other = (client.beside(key=keys.create("", Scope.READ)[1]) for _ in range(2))
        assert [await one.status("GET", "/v1") for _ in range(10)] == [200] * 10
        status, headers, _ = await one.ask("GET", f"{WORKSPACE}/jobs")
        assert (status, int(headers["Retry-After"]) > 900) == (429, True)
        assert await other.status("GET", "/v1") == 200
        guesses = [await client.beside(key=f"kya_{number}_x").status("GET", "/v1") for number in range(11)]
        assert guesses == [401] * 10 + [429]
        assert await other.status("GET", "/v1") == 200


async def test_workspaces(tmp_path, monkeypatch):
    monkeypatch.setattr("kyanite.http.service.TENANTS_MAX", 2)
    async with limited(tmp_path) as client:
        for name, status in (("a", 200), ("b", 200), ("c", 429), ("a", 200)):
            assert await client.beside(name).status("GET", "/v1") == status
        await client.beside("c").refused(429, "QuotaExceeded", "GET", JOBS)
        assert await client.status("GET", "/v1") == 200
