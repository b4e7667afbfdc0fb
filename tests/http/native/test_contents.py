import base64
from hashlib import sha256
from io import BytesIO

import pytest
from aiohttp import ClientPayloadError
from yarl import URL

from kyanite.blobs.files import FileBlobs
from kyanite.blobs.keys import file_path
from tests.http.native.places import answered_with, asked, ended, refused, served, submitted
from tests.runtime.places import settings

JOBS = "/v1/jobs"
RANGES = (("0-0", 0, 0), ("100-199", 100, 199), ("511000-", 511_000, 511_999), ("-5", 511_995, 511_999))


async def read(client, path, method="GET", **headers):
    """Status, headers and bytes of an answer."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.request(method, path, headers=sent) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_an_input_is_uploaded_once_and_before_its_job():
    async with served() as (_, client):
        path = f"{JOBS}/a/input"
        headers = {"Content-Type": "text/x", "Content-Encoding": "gzip"}
        status, found, blob = await asked(client, "PUT", path, data=b"content", headers=headers)
        digest = sha256(b"content").hexdigest()
        assert (status, found["ETag"], blob["key"]) == (201, f'"{digest}"', "default/job-a/inputData")
        assert (blob["size"], blob["sha256"], blob["content_encoding"]) == (7, digest, "gzip")
        assert await answered_with(client, 200, "PUT", path, data=b"content") == blob
        await refused(client, 409, "BlobExists", "PUT", path, data=b"other")
        await answered_with(client, 201, "POST", JOBS, json={"target": "acme.echo", "job_id": "a"})
        await refused(client, 409, "IdConflict", "PUT", path, data=b"content")
        status, found, content = await read(client, path)
        assert (status, content, found["Content-Type"]) == (200, b"content", "text/x")
        assert (found["Kyanite-Content-Encoding"], "Content-Encoding" in found) == ("gzip", False)
        assert found["Repr-Digest"] == f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:"


async def test_bytes_come_as_they_are_stored_whole_and_in_part():
    content = bytes(range(256)) * 2_000
    async with served() as (workspace, client):
        await answered_with(client, 201, "PUT", f"{JOBS}/a/input", data=content)
        await answered_with(client, 201, "POST", JOBS, json={"target": "acme.echo", "job_id": "a"})
        await (await workspace.get_job("a")).wait()
        for path in (f"{JOBS}/a/input", f"{JOBS}/a/output", "/v1/blobs/job-a/inputData", "/v1/blobs/job-a/outputData"):
            status, headers, found = await read(client, path)
            assert (status, found, headers["Accept-Ranges"]) == (200, content, "bytes")
            for asked_range, first, last in RANGES:
                status, headers, found = await read(client, path, Range=f"bytes={asked_range}")
                assert (status, found) == (206, content[first : last + 1])
                assert headers["Content-Range"] == f"bytes {first}-{last}/512000"
            tag = headers["ETag"]
            status, headers, found = await read(client, path, If_None_Match=tag)
            assert (status, found, headers["ETag"]) == (304, b"", tag)
            status, headers, found = await read(client, path, If_Range='"other"', Range="bytes=1-2")
            assert (status, len(found)) == (200, 512_000)
            await refused(client, 412, "PreconditionFailed", "GET", path, headers={"If-Match": '"other"'})
            await refused(client, 416, "RangeNotSatisfiable", "GET", path, headers={"Range": "bytes=512000-"})
            status, headers, found = await read(client, path, "HEAD", Range="bytes=0-9")
            assert (status, headers["Content-Length"], found) == (206, "10", b"")


async def test_an_output_that_is_not_there_yet():
    async with served() as (_, client):
        job = await submitted(client, target="acme.holds")
        problem = await refused(client, 404, "OutputNotFound", "GET", f"{JOBS}/{job['id']}/output")
        assert job["id"] in problem["detail"]
        await refused(client, 404, "JobNotFound", "GET", f"{JOBS}/none/output")
        await refused(client, 404, "JobNotFound", "GET", f"{JOBS}/none/input")


async def test_what_a_client_stores_can_not_act_as_a_page():
    async with served() as (_, client):
        html = {"Content-Type": "text/html"}
        await answered_with(client, 201, "PUT", "/v1/blobs/c/x.html", data=b"<script>", headers=html)
        _, headers, _ = await read(client, "/v1/blobs/c/x.html")
        assert (headers["X-Content-Type-Options"], headers["Content-Security-Policy"]) == ("nosniff", "sandbox")


async def test_an_upload_is_bounded_whether_it_says_its_length_or_not():
    async with served(settings=settings(input_max_bytes=1_000)) as (workspace, client):
        for path in (f"{JOBS}/a/input", "/v1/blobs/c/n"):

            async def unsized(size):
                for _ in range(size // 100):
                    yield b"x" * 100

            for content in (BytesIO(b"x" * 1_001), unsized(1_100)):
                await refused(client, 413, "RequestBodyTooLarge", "PUT", path, data=content)
            assert await workspace.blobs.page("default/") == []
            await answered_with(client, 201, "PUT", path, data=unsized(1_000))
            await refused(client, 413, "RequestBodyTooLarge", "PUT", path, data=BytesIO(b"x" * 1_001))
            await workspace.blobs.delete([blob.key for blob in await workspace.blobs.page("default/")])


async def test_a_body_that_is_not_what_it_says_is_refused():
    async with served() as (workspace, client):
        md5 = {"Content-MD5": base64.b64encode(b"0" * 16).decode()}
        await refused(client, 400, "Md5Mismatch", "PUT", "/v1/blobs/c/n", data=b"x", headers=md5)
        assert await workspace.blobs.page("default/") == []


async def test_attachments_lie_beside_their_job():
    async with served() as (_, client):
        job = await ended(client)
        path = f"{JOBS}/{job['id']}/attachments"
        assert await answered_with(client, 200, "GET", path) == {"items": [], "next": None}
        blobs = [await answered_with(client, 201, "PUT", f"{path}/{name}", data=b"x") for name in ("a", "b.txt", "ü c")]
        assert await answered_with(client, 200, "PUT", f"{path}/a", data=b"x") == blobs[0]
        await refused(client, 409, "BlobExists", "PUT", f"{path}/a", data=b"y")
        assert (await answered_with(client, 200, "GET", path))["items"] == blobs
        first = await answered_with(client, 200, "GET", path, params={"limit": 2})
        rest = await answered_with(client, 200, "GET", path, params={"limit": 2, "cursor": first["next"]})
        assert ([*first["items"], *rest["items"]], rest["next"]) == (blobs, None)
        assert (await read(client, f"{path}/b.txt"))[2] == b"x"
        await refused(client, 404, "BlobMissing", "GET", f"{path}/none")
        await refused(client, 404, "JobNotFound", "PUT", f"{JOBS}/none/attachments/a", data=b"")
        for bad in ("inputData", "outputData-2", "a/b", "x" * 300):
            await refused(client, 422, "InvalidRequest", "PUT", f"{path}/{bad}", data=b"")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("job-a/inputData", "container"),
        ("job-/x", "container"),
        ("c/a//b", "key"),
        ("c/%2E%2E%2Fother", "key"),
        ("%2E%2E/x", "key"),
        ("c/a\\b", "key"),
        ("c/a%5Cb", "key"),
        ("c/a.", "key"),
        ("c/C:x", "key"),
        ("c/%00", "name"),
        (f"c/{'x' * 256}", "key"),
        ("c/" + "/".join(["x" * 100] * 12), "name"),
        ("x" * 261 + "/n", "container"),
    ],
)
async def test_no_name_leads_out_of_the_workspace(path, field):
    async with served() as (workspace, client):
        url = URL(f"http://{client.host}:{client.port}/v1/blobs/{path}", encoded=True)
        async with client.session.put(url, data=b"x") as answer:
            problem = await answer.json(content_type=None)
        assert (answer.status, problem["code"], problem.get("field")) == (422, "InvalidRequest", field)
        assert await workspace.blobs.page("") == []


async def test_a_blob_is_stored_once_and_named_by_its_uri():
    async with served() as (_, client):
        path = "/v1/blobs/data/folder/ü 1.json"
        stored = await answered_with(client, 201, "PUT", path, data=b"{}")
        assert stored == {"uri": "kyanite:///default/data/folder/%C3%BC%201.json"}
        assert await answered_with(client, 200, "PUT", path, data=b"{}") == stored
        await refused(client, 409, "BlobExists", "PUT", path, data=b"[]")
        assert (await read(client, path))[2] == b"{}"
        await refused(client, 404, "BlobMissing", "GET", "/v1/blobs/data/none")


async def test_what_is_damaged_is_never_taken_for_whole(tmp_path):
    async with served(blobs=FileBlobs(tmp_path)) as (_, client):
        for name, size in (("large", 4_000_000), ("small", 100_000)):
            await answered_with(client, 201, "PUT", f"/v1/blobs/c/{name}", data=BytesIO(b"x" * size))
            with file_path(tmp_path, f"default/c/{name}").open("r+b") as file:
                file.write(b"\xff")
        with pytest.raises(ClientPayloadError):  # the connection is cut
            await read(client, "/v1/blobs/c/large")
        await refused(client, 410, "BlobCorrupt", "GET", "/v1/blobs/c/small")  # found out before anything was sent
