import asyncio
import gzip
import hashlib
from base64 import b64encode
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError

from kyanite.blobs.keys import key_of
from kyanite.errors import BlobCorrupt, StorageFull, StoreUnavailable
from tests.http.gateway.places import ALL, code_of, served, until
from tests.runtime.places import executing

LARGE = bytes(range(256)) * 12_000  # three pieces of a large blob's file, the last cut short


async def test_a_blob_comes_back_as_it_was_put(tmp_path):
    async with served(tmp_path) as gateway:
        content = gzip.compress(b'{"x": 1}')
        status, headers, body = await gateway.put(
            "job-1",
            "inputData",
            content,
            x_ms_blob_content_type="application/json",
            x_ms_blob_content_encoding="gzip",
            x_ms_meta_Probe="a b",
            x_ms_version="2026-10-06",
            Content_Type="application/octet-stream",
        )
        assert (status, body) == (201, b"")
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        assert (headers["ETag"], headers["x-ms-version"]) == (tag, "2026-10-06")
        assert headers["Last-Modified"].endswith("GMT")
        assert headers["x-ms-request-server-encrypted"] == "false"

        status, headers, body = await gateway.ask("GET", "job-1", "inputData")
        assert (status, body) == (200, content)
        assert headers["Content-Type"] == "application/json"
        assert headers["Content-Encoding"] == "gzip"
        assert headers["x-ms-meta-Probe"] == "a b"
        assert headers["x-ms-blob-type"] == "BlockBlob"
        assert headers["Accept-Ranges"] == "bytes"
        assert headers["ETag"] == tag
        assert headers["x-ms-creation-time"] == headers["Last-Modified"]

        status, head, body = await gateway.ask("HEAD", "job-1", "inputData")
        assert (status, body) == (200, b"")
        assert {name: head[name] for name in headers if name != "Date"} == {
            name: headers[name] for name in headers if name != "Date"
        }
        stored = await gateway.workspace.blobs.stat("default/job-1/inputData")
        assert (stored.content_encoding, stored.metadata) == ("gzip", {"Probe": "a b"})


async def test_a_page_that_was_uploaded_is_no_page_of_ours(tmp_path):
    async with served(tmp_path) as gateway:
        await gateway.put("c", "page", b"<script>1</script>", Content_Type="text/html")
        status, headers, _ = await gateway.ask("GET", "c", "page")
        assert (status, headers["Content-Type"]) == (200, "text/html")
        assert headers["Content-Security-Policy"] == "sandbox"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("content", [b"", b"few", LARGE], ids=len)
async def test_any_length_comes_through_in_chunks_without_a_length(tmp_path, content):
    async def chunks():
        for start in range(0, len(content), 100_000):
            yield content[start : start + 100_000]

    async with served(tmp_path) as gateway:
        assert (await gateway.put("c", "b", chunks()))[0] == 201
        status, headers, body = await gateway.ask("GET", "c", "b")
        assert (status, headers["Content-Length"], body) == (200, str(len(content)), content)


async def test_names_come_through_whatever_is_in_them(tmp_path):
    async with served(tmp_path) as gateway:
        for name in ("a/b/c", "ü ☃", "100%", "a+b", "q?x=1#y", "%41", "~'()!"):
            assert (await gateway.put("c", name, name.encode()))[0] == 201
            assert (await gateway.ask("GET", "c", name))[2] == name.encode()
            assert await gateway.workspace.blobs.get(f"default/c/{name}") == name.encode()


@pytest.mark.parametrize(
    ("header", "value", "status", "start", "end"),
    [
        ("x-ms-range", "bytes=0-33554431", 206, 0, None),
        ("x-ms-range", "bytes=5-", 206, 5, None),
        ("x-ms-range", "bytes=5-5", 206, 5, 6),
        ("Range", "bytes=1048570-1048580", 206, 1_048_570, 1_048_581),
        ("Range", "bytes=-10", 206, -10, None),
        ("Range", "bytes=-99999999999", 206, 0, None),
        ("Range", "bytes=9-3", 200, 0, None),
        ("Range", "bytes=0-1,5-6", 200, 0, None),
        ("Range", "lines=1-2", 200, 0, None),
        ("Range", "bytes=-", 200, 0, None),
    ],
)
async def test_ranges(tmp_path, header, value, status, start, end):
    async with served(tmp_path) as gateway:
        await gateway.put("c", "b", LARGE)
        got, headers, body = await gateway.ask("GET", "c", "b", headers={header: value})
        assert got == status
        assert body == LARGE[start:end]
        if status == 206:
            first = start % len(LARGE)
            assert headers["Content-Range"] == f"bytes {first}-{first + len(body) - 1}/{len(LARGE)}"


@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("x-ms-range", "bytes=3-4", 416, "InvalidRange"),
        ("Range", "bytes=3-", 416, "InvalidRange"),
        ("Range", "bytes=-0", 416, "InvalidRange"),
        ("x-ms-range", "bytes=2-1", 400, "InvalidHeaderValue"),
        ("x-ms-range", "bytes=-1", 400, "InvalidHeaderValue"),
        ("x-ms-range", "bytes=" + "9" * 5_000 + "-", 400, "InvalidHeaderValue"),
        ("x-ms-range", "", 400, "InvalidHeaderValue"),
    ],
)
async def test_ranges_that_are_refused(tmp_path, header, value, status, code):
    async with served(tmp_path) as gateway:
        await gateway.put("c", "b", b"abc")
        answer = await gateway.ask("GET", "c", "b", headers={header: value})
        assert code_of(answer) == (status, code)
        if status == 416:
            assert answer[1]["Content-Range"] == "bytes */3"


async def test_an_empty_blob_has_no_range(tmp_path):
    async with served(tmp_path) as gateway:
        await gateway.put("c", "b", b"")
        answer = await gateway.ask("GET", "c", "b", headers={"x-ms-range": "bytes=0-33554431"})
        assert code_of(answer) == (416, "InvalidRange")
        assert (await gateway.ask("GET", "c", "b"))[0::2] == (200, b"")


async def test_conditions(tmp_path):
    async with served(tmp_path) as gateway:
        _, headers, _ = await gateway.put("c", "b", b"abc")
        tag, date = headers["ETag"], headers["Last-Modified"]
        past, future = "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"

        async def status(**conditions):
            asked = {name.replace("_", "-"): value for name, value in conditions.items()}
            answers = [await gateway.ask(method, "c", "b", headers=asked) for method in ("GET", "HEAD")]
            assert answers[0][0] == answers[1][0]
            if answers[0][0] >= 300:
                assert {answer[1]["x-ms-error-code"] for answer in answers} == {"ConditionNotMet"}
            return answers[0][0]

        assert await status(If_Match=tag) == 200
        assert await status(If_Match=f'"x", {tag}') == 200
        assert await status(If_Match="*") == 200
        assert await status(If_Match='"x"') == 412
        assert await status(If_None_Match='"x"') == 200
        assert await status(If_None_Match=tag) == 304
        assert await status(If_None_Match=f"W/{tag}") == 304
        assert await status(If_None_Match="*") == 304
        assert await status(If_Modified_Since=past) == 200
        assert await status(If_Modified_Since=date) == 304
        assert await status(If_Unmodified_Since=date) == 200
        assert await status(If_Unmodified_Since=past) == 412
        assert await status(If_None_Match='"x"', If_Modified_Since=future) == 200
        assert await status(If_Match=tag, If_Unmodified_Since=past) == 200
        assert await status(If_Modified_Since="yesterday") == 200
        assert (await gateway.ask("GET", "c", "b", headers={"Range": "bytes=1-", "If-Range": tag}))[0] == 206
        assert (await gateway.ask("GET", "c", "b", headers={"Range": "bytes=1-", "If-Range": '"x"'}))[0] == 200
        assert (await gateway.ask("GET", "c", "b", headers={"Range": "bytes=1-", "If-Range": date}))[0] == 206


async def test_a_blob_is_created_once(tmp_path):
    async with served(tmp_path) as gateway:
        for content in (b"few", LARGE):
            name = f"b{len(content)}"
            _, headers, _ = await gateway.put("c", name, content)
            for conditions in ({}, {"If_None_Match": "*"}, {"If_Match": headers["ETag"]}):
                answer = await gateway.put("c", name, b"other", **conditions)
                assert code_of(answer) == (409, "BlobAlreadyExists")
            assert code_of(await gateway.put("c", name, LARGE)) == (409, "BlobAlreadyExists")
            assert (await gateway.ask("GET", "c", name))[2] == content
        assert code_of(await gateway.put("c", "new", b"x", If_Match='"x"')) == (412, "ConditionNotMet")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-ms-blob-type": ""}, "InvalidHeaderValue"),
        ({"x-ms-blob-type": "PageBlob"}, "InvalidHeaderValue"),
        ({"x-ms-copy-source": "http://elsewhere/"}, "UnsupportedHeader"),
        ({"x-ms-lease-id": "1"}, "UnsupportedHeader"),
        ({"x-ms-access-tier": "Hot"}, "UnsupportedHeader"),
        ({"x-ms-blob-cache-control": "no-cache"}, "UnsupportedHeader"),
        ({"x-ms-blob-content-type": "a" * 256}, "InvalidHeaderValue"),
        ({"x-ms-blob-content-type": "ü"}, "InvalidHeaderValue"),
        ({"x-ms-blob-content-encoding": "\t1"}, None),
        ({"x-ms-meta-": "1"}, "EmptyMetadataKey"),
        ({"x-ms-meta-a-b": "1"}, "InvalidMetadata"),
        ({"x-ms-meta-1": "1"}, "InvalidMetadata"),
        ({"x-ms-meta-a": "ü"}, "InvalidMetadata"),
        ({"x-ms-meta-a": "1" * 5_000, "x-ms-meta-b": "1" * 5_000}, "MetadataTooLarge"),
        ({"Content-MD5": "nonsense"}, "InvalidMd5"),
        ({"Content-MD5": "AAAA"}, "InvalidMd5"),
        ({"Content-MD5": b64encode(bytes(16)).decode()}, "Md5Mismatch"),
        ({"x-ms-blob-content-md5": b64encode(bytes(16)).decode()}, "Md5Mismatch"),
        ({"Content-MD5": b64encode(hashlib.md5(b"x").digest()).decode()}, None),
    ],
)
async def test_headers_of_uploads(tmp_path, headers, code):
    async with served(tmp_path) as gateway:
        answer = await gateway.ask("PUT", "c", "b", data=b"x", headers={"x-ms-blob-type": "BlockBlob", **headers})
        if code is None:
            assert answer[0] == 201
        else:
            assert code_of(answer) == (400, code)
            assert await gateway.workspace.blobs.stat("default/c/b") is None


async def test_what_a_blob_is_must_be_said(tmp_path):
    async with served(tmp_path) as gateway:
        assert code_of(await gateway.ask("PUT", "c", "b", data=b"x")) == (400, "MissingRequiredHeader")


async def test_metadata_that_a_header_can_not_say_is_left_out(tmp_path):
    async with served(tmp_path) as gateway:
        await gateway.workspace.blobs.put("default/c/b", b"x", metadata={"a": "1", "b b": "2", "c": "ü", "d": "\n"})
        status, headers, _ = await gateway.ask("HEAD", "c", "b")
        assert status == 200
        assert {name: headers[name] for name in headers if name.startswith("x-ms-meta-")} == {"x-ms-meta-a": "1"}


async def test_more_than_is_allowed_is_refused_at_once_or_on_the_way(tmp_path):
    async def chunks():
        for _ in range(11):
            yield bytes(10_000)

    async with served(tmp_path, input_max_bytes=100_000) as gateway:
        assert (await gateway.put("c", "most", bytes(100_000)))[0] == 201
        assert code_of(await gateway.put("c", "b", bytes(100_001))) == (413, "RequestBodyTooLarge")
        assert code_of(await gateway.put("c", "b", chunks())) == (413, "RequestBodyTooLarge")
        assert await gateway.workspace.blobs.stat("default/c/b") is None


@pytest.mark.parametrize("sent", [10, 3_000_000])
async def test_an_upload_that_breaks_off_leaves_nothing(tmp_path, sent):
    async with served(tmp_path) as gateway:
        url = gateway.url("c", "b")
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = f"PUT {url.raw_path_qs} HTTP/1.1\r\nHost: {url.authority}\r\nx-ms-blob-type: BlockBlob\r\n"
        writer.write(f"{head}Content-Length: {sent + 1}\r\n\r\n".encode() + bytes(sent))
        await writer.drain()
        if sent > 10:
            await until(lambda: any((tmp_path / "blobs" / "tmp").iterdir()))  # part of it is on the disk
        writer.close()
        await writer.wait_closed()
        await until(lambda: not any((tmp_path / "blobs" / "tmp").iterdir()))
        assert (await reader.read()) == b""
        assert await gateway.workspace.blobs.stat("default/c/b") is None
        assert await gateway.workspace.blobs.page("default/c/") == []
        assert (await gateway.put("c", "b", b"whole"))[0] == 201


async def test_a_body_that_is_not_framed_as_it_says_is_refused(tmp_path):
    async with served(tmp_path) as gateway:
        url = gateway.url("c", "b")
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = f"PUT {url.raw_path_qs} HTTP/1.1\r\nHost: {url.authority}\r\nx-ms-blob-type: BlockBlob\r\n"
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nnonsense\r\n".encode())
        answer = await reader.readuntil(b"\r\n")
        writer.close()
        assert b" 400 " in answer
        assert await gateway.workspace.blobs.stat("default/c/b") is None


async def test_a_client_that_falls_silent_is_not_waited_for_for_ever(tmp_path):
    async def chunks():
        yield b"x"
        await answered.wait()

    answered = asyncio.Event()
    async with served(tmp_path, patience_s=0.1) as gateway:
        answer = await gateway.put("c", "b", chunks())
        answered.set()
        assert code_of(answer) == (408, "OperationTimedOut")
        assert await gateway.workspace.blobs.stat("default/c/b") is None


async def test_outputs_are_written_by_the_target_alone(tmp_path):
    async with served(tmp_path) as gateway:
        for name in ("outputData", "outputData-2", "rawOutputData", "rawOutputData/x"):
            assert code_of(await gateway.put("job-1", name, b"x")) == (403, "AuthorizationPermissionMismatch")
            answer = await gateway.ask("PUT", "job-1", name, data=b"x", comp="block", blockid="AAAA")
            assert code_of(answer) == (403, "AuthorizationPermissionMismatch")
            answer = await gateway.ask("PUT", "job-1", name, data=b"<BlockList/>", comp="blocklist")
            assert code_of(answer) == (403, "AuthorizationPermissionMismatch")
        assert (await gateway.put("other", "outputData", b"x"))[0] == 201


async def test_the_input_stays_as_it_is_once_there_is_a_row(tmp_path):
    async with served(tmp_path) as gateway:
        uri = await gateway.workspace.upload(b"shared")
        job = await gateway.workspace.submit("acme.echo", input_data_uri=uri)
        answer = await gateway.put(f"job-{job.id}", "inputData", b"x")
        assert code_of(answer) == (409, "BlobImmutableDueToPolicy")
        assert (await gateway.put(f"job-{job.id}", "notes.txt", b"x"))[0] == 201
        await job.wait()


async def test_a_job_is_submitted_and_read_by_links(tmp_path):
    async with served(tmp_path) as gateway:
        await gateway.put("job-mine", "inputData", b'{"x": 1}', Content_Type="application/json")
        assert code_of(await gateway.ask("GET", "job-mine", "rawOutputData")) == (404, "BlobNotFound")
        job = await gateway.workspace.submit(
            "acme.echo", input_data_uri="kyanite:///default/job-mine/inputData", job_id="mine"
        )
        await job.wait()
        status, headers, body = await gateway.ask("GET", "job-mine", "rawOutputData")
        assert (status, body) == (200, b'{"x": 1}')
        assert (await gateway.ask("HEAD", "job-mine", "rawOutputData"))[1]["ETag"] == headers["ETag"]


async def test_an_output_has_no_address_before_it_is_there(tmp_path):
    async with served(tmp_path) as gateway:

        @gateway.workspace.target("acme.wait")
        async def wait(task):
            await task.wait_cancel_requested()

        job = await gateway.workspace.submit("acme.wait", b"x")
        await executing(job)
        assert code_of(await gateway.ask("GET", f"job-{job.id}", "rawOutputData")) == (404, "BlobNotFound")
        assert (await gateway.ask("HEAD", f"job-{job.id}", "rawOutputData"))[0] == 404
        await job.cancel()


async def test_only_what_no_job_has_is_removed(tmp_path):
    async with served(tmp_path) as gateway:
        uri = await gateway.workspace.upload(b"shared", name="shared")
        job = await gateway.workspace.submit("acme.echo", input_data_uri=uri)
        await job.wait()
        output = key_of(job.details.output_data_uri).rpartition("/")[2]
        for place in (("uploads", "shared"), (f"job-{job.id}", output)):
            assert code_of(await gateway.ask("DELETE", *place)) == (409, "BlobImmutableDueToPolicy")
        await gateway.put(f"job-{job.id}", "notes", b"x")
        mismatch = await gateway.ask("DELETE", f"job-{job.id}", "notes", permissions="racwl")
        assert code_of(mismatch) == (403, "AuthorizationPermissionMismatch")
        assert (await gateway.ask("DELETE", f"job-{job.id}", "notes"))[0] == 202
        assert code_of(await gateway.ask("DELETE", f"job-{job.id}", "notes")) == (404, "BlobNotFound")
        assert await job.get_results() == b"shared"


def file_of(tmp_path, name):
    return next(path for path in Path(tmp_path / "blobs" / "objects").rglob(name) if path.is_file())


async def test_a_corrupt_blob_is_never_taken_for_whole(tmp_path):
    async with served(tmp_path) as gateway:
        await gateway.put("c", "turned", LARGE)
        await gateway.put("c", "short", LARGE)
        await gateway.put("c", "piece", LARGE[:1_000_000])
        for name in ("turned", "piece"):
            with file_of(tmp_path, name).open("r+b") as file:
                file.write(b"\xff")
        with file_of(tmp_path, "short").open("r+b") as file:
            file.truncate(len(LARGE) - 1)
        with pytest.raises(ClientPayloadError):  # the connection is cut
            await gateway.ask("GET", "c", "turned")
        for name in ("short", "piece"):  # found out before anything was sent
            assert code_of(await gateway.ask("GET", "c", name)) == (410, "BlobCorrupt")
        assert (await gateway.ask("GET", "c", "turned", headers={"Range": "bytes=1-9"}))[2] == LARGE[1:10]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StorageFull("disk"), (507, "InsufficientStorage")),
        (StoreUnavailable("disk"), (503, "ServerBusy")),
        (BlobCorrupt("disk"), (410, "BlobCorrupt")),
    ],
)
async def test_what_fails_below_has_a_code(tmp_path, monkeypatch, error, expected):
    async def put(*args, **options):
        raise error

    async with served(tmp_path) as gateway:
        monkeypatch.setattr(gateway.workspace.blobs, "put", put)
        assert code_of(await gateway.put("c", "b", b"x")) == expected


async def test_a_slow_reader_is_waited_for(tmp_path):
    async with served(tmp_path) as gateway:
        content = bytes(64 << 20)
        await gateway.put("c", "b", content)
        url = gateway.url("c", "b")
        reader, writer = await asyncio.open_connection(url.host, url.port, limit=2_000)
        writer.write(f"GET {url.raw_path_qs} HTTP/1.1\r\nHost: {url.authority}\r\nConnection: close\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        assert (await gateway.ask("HEAD", "c", "b"))[0] == 200  # the server does other things meanwhile
        assert len(await reader.read()) == len(content)
        writer.close()


async def test_every_status_of_an_unknown_blob(tmp_path):
    async with served(tmp_path) as gateway:
        assert code_of(await gateway.ask("GET", "c", "none")) == (404, "BlobNotFound")
        status, headers, body = await gateway.ask("HEAD", "c", "none")
        assert (status, headers["x-ms-error-code"], body) == (404, "BlobNotFound", b"")
        answer = await gateway.ask("POST", "c", "none", permissions=ALL)
        assert code_of(answer) == (405, "UnsupportedHttpVerb")
        assert answer[1]["Allow"] == "DELETE, GET, HEAD, PUT"
        for name in ("a//b", "../x", "a/./b", "C:", "b.", "b ", "\\", "x" * 300, "a\nb"):
            answer = await gateway.ask("GET", "c", name)
            assert code_of(answer) == (400, "InvalidResourceName")
