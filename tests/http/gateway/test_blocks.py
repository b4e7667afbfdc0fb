import asyncio
import hashlib
import os
from base64 import b64encode
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.blobs.files import FileBlobs
from kyanite.blobs.memory import MemoryBlobs
from kyanite.http.gateway import block_files, staging
from kyanite.http.gateway.blocks import block_id, listed
from kyanite.http.gateway.faults import Fault
from kyanite.http.gateway.staging import Staging
from kyanite.runtime.stored_bytes import StoredBytes
from tests.http.gateway.places import attempt, block_list, code_of, served, until
from tests.runtime.places import in_memory

PIECE = bytes(range(256)) * 6_000


def named(number):
    return b64encode(b"%10d" % number)


async def put_block(gateway, number, content, blob="b", **headers):
    return await gateway.ask(
        "PUT", "c", blob, data=content, headers=headers, comp="block", blockid=named(number).decode()
    )


async def commit(gateway, *numbers, blob="b", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    document = block_list(*map(named, numbers))
    return await gateway.ask("PUT", "c", blob, data=document, headers=headers, comp="blocklist")


def files_in(folder):
    """The files below a folder, parts of which may be removed meanwhile."""
    return sorted(Path(above, name) for above, _, names in os.walk(folder) for name in names)


async def test_blocks_become_a_blob_in_the_order_of_the_list(tmp_path):
    async with served(tmp_path) as gateway:
        parts = {number: bytes([number]) * 700_000 for number in range(4)}
        async with asyncio.TaskGroup() as tasks:
            for number in (3, 1, 0, 2):
                tasks.create_task(put_block(gateway, number, parts[number]))
        assert code_of(await gateway.ask("GET", "c", "b")) == (404, "BlobNotFound")
        status, headers, body = await commit(
            gateway,
            *(2, 0, 3, 2),
            x_ms_blob_content_type="application/json",
            x_ms_blob_content_encoding="gzip",
            x_ms_meta_type="ising",
            Content_Type="application/xml",
        )
        whole = parts[2] + parts[0] + parts[3] + parts[2]
        assert (status, body) == (201, b"")
        assert headers["ETag"] == f'"{hashlib.sha256(whole).hexdigest()}"'
        status, headers, body = await gateway.ask("GET", "c", "b")
        assert (status, body) == (200, whole)
        assert (headers["Content-Type"], headers["Content-Encoding"]) == ("application/json", "gzip")
        assert headers["x-ms-meta-type"] == "ising"
        assert files_in(tmp_path / "data") == []


async def test_what_the_body_of_a_list_is_called_does_not_count(tmp_path):
    async with served(tmp_path) as gateway:
        await put_block(gateway, 1, b"x")
        assert (await commit(gateway, 1, Content_Type="application/xml"))[0] == 201
        assert (await gateway.ask("HEAD", "c", "b"))[1]["Content-Type"] == "application/octet-stream"


async def test_many_small_blocks_and_none(tmp_path):
    async with served(tmp_path) as gateway:
        for number in range(40):
            await put_block(gateway, number, b"%d," % number)
        await put_block(gateway, 7, b"seven,")
        assert (await commit(gateway, *range(40)))[0] == 201
        assert (await gateway.ask("GET", "c", "b"))[2].startswith(b"0,1,2,3,4,5,6,seven,8,")
        assert (await commit(gateway, blob="empty"))[0] == 201
        assert (await gateway.ask("GET", "c", "empty"))[0::2] == (200, b"")


async def test_the_list_of_blocks(tmp_path):
    async with served(tmp_path) as gateway:
        assert code_of(await gateway.ask("GET", "c", "b", comp="blocklist")) == (404, "BlobNotFound")
        await put_block(gateway, 1, b"abc")

        async def told(kind):
            status, headers, body = await gateway.ask("GET", "c", "b", comp="blocklist", blocklisttype=kind)
            assert (status, headers["Content-Type"]) == (200, "application/xml")
            blocks = ET.fromstring(body).iter("Block")
            return [(each.findtext("Name"), each.findtext("Size")) for each in blocks], headers

        assert (await told("uncommitted"))[0] == (await told("all"))[0] == [(named(1).decode(), "3")]
        assert (await told("committed"))[0] == []
        await commit(gateway, 1)
        found, headers = await told("all")
        assert found == []
        assert headers["x-ms-blob-content-length"] == "3"
        answer = await gateway.ask("GET", "c", "b", comp="blocklist", blocklisttype="some")
        assert code_of(answer) == (400, "InvalidQueryParameterValue")


async def test_a_blob_is_made_once(tmp_path):
    async with served(tmp_path) as gateway:
        await put_block(gateway, 1, b"abc")
        await gateway.put("c", "b", b"first")
        assert code_of(await put_block(gateway, 2, b"x")) == (409, "BlobAlreadyExists")
        assert code_of(await commit(gateway, 1)) == (409, "BlobAlreadyExists")
        assert files_in(tmp_path / "data") == []
        assert (await gateway.ask("GET", "c", "b"))[2] == b"first"


async def test_of_two_commits_one_makes_the_blob(tmp_path):
    async with served(tmp_path) as gateway:
        for number in (1, 2):
            await put_block(gateway, number, bytes([number]) * 2_000_000)
        async with asyncio.TaskGroup() as tasks:
            commits = [tasks.create_task(commit(gateway, number)) for number in (1, 2)]
        assert sorted(each.result()[0] for each in commits) == [201, 409]
        made = next(number for number, each in zip((1, 2), commits, strict=True) if each.result()[0] == 201)
        assert (await gateway.ask("GET", "c", "b"))[2] == bytes([made]) * 2_000_000


async def test_a_block_that_breaks_off_leaves_what_was_there(tmp_path):
    async with served(tmp_path) as gateway:
        await put_block(gateway, 1, b"before")
        url = gateway.url("c", "b", comp="block", blockid=named(1).decode())
        _, writer = await asyncio.open_connection(url.host, url.port)
        head = f"PUT {url.raw_path_qs} HTTP/1.1\r\nHost: {url.authority}\r\nContent-Length: {len(PIECE) + 1}\r\n\r\n"
        writer.write(head.encode() + PIECE)
        await writer.drain()
        await until(lambda: len(files_in(tmp_path / "data")) == 2)
        writer.close()
        await until(lambda: len(files_in(tmp_path / "data")) == 1)
        assert (await commit(gateway, 1))[0] == 201
        assert (await gateway.ask("GET", "c", "b"))[2] == b"before"


async def test_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "BLOCKS_MAX", 3)
    async with served(tmp_path, input_max_bytes=1_000) as gateway:
        assert (await put_block(gateway, 1, bytes(600)))[0] == 201
        assert code_of(await put_block(gateway, 2, bytes(401))) == (413, "RequestBodyTooLarge")
        assert code_of(await put_block(gateway, 2, bytes(1_001))) == (413, "RequestBodyTooLarge")
        assert (await put_block(gateway, 2, bytes(400)))[0] == 201
        assert code_of(await put_block(gateway, 1, bytes(601))) == (413, "RequestBodyTooLarge")
        assert (await put_block(gateway, 3, b""))[0] == 201
        assert code_of(await put_block(gateway, 4, b"")) == (409, "BlockCountExceedsLimit")
        assert (await put_block(gateway, 3, b""))[0] == 201
        assert code_of(await commit(gateway, 1, 1)) == (413, "RequestBodyTooLarge")
        assert (await commit(gateway, 1, 2, 3))[0] == 201
        assert (await put_block(gateway, 1, bytes(1_000), blob="other"))[0] == 201


@pytest.mark.parametrize("name", ["", "!", "AAA", "AAAA====", "A" * 92, "AB==", "AAAA\n"])
async def test_ids_that_are_none(tmp_path, name):
    async with served(tmp_path) as gateway:
        answer = await gateway.ask("PUT", "c", "b", data=b"x", comp="block", blockid=name)
        assert code_of(answer) == (400, "InvalidBlockId")


async def test_an_id_may_be_spelt_with_a_plus(tmp_path):
    async with served(tmp_path) as gateway:
        url = f"{gateway.url('c', 'b', comp='block')}&blockid=+/+/"
        async with gateway.session.put(url, data=b"x") as answer:
            assert answer.status == 201
        assert (await gateway.ask("PUT", "c", "b", data=block_list(b"+/+/"), comp="blocklist"))[0] == 201


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"", "InvalidXmlDocument"),
        (b"<BlockList>", "InvalidXmlDocument"),
        (b"</BlockList>", "InvalidXmlDocument"),
        (b"<BlockList/></BlockList>", "InvalidXmlDocument"),
        (b"<BlockList></BlockList>x", "InvalidXmlDocument"),
        (b"<BlockList><Latest>AAAA</Uncommitted></BlockList>", "InvalidXmlDocument"),
        (b'<!DOCTYPE b [<!ENTITY a "AAAA">]><BlockList><Latest>&a;</Latest></BlockList>', "InvalidXmlDocument"),
        (b"<BlockList><Latest>&#65;AAA</Latest></BlockList>", "InvalidXmlDocument"),
        (b"<BlockList><Latest>AAA</Latest></BlockList>", "InvalidBlockId"),
        (b"<BlockList><Latest>AAAA</Latest></BlockList>", "InvalidBlockList"),
        (b"<BlockList><Committed>AAAA</Committed></BlockList>", "InvalidBlockList"),
        (b"<BlockList>%s</BlockList>" % (b"<Latest>AAAA</Latest>" * 50_001), "BlockListTooLong"),
        (b"<BlockList><Latest>%s" % (b" " * 1_000_000), "InvalidXmlDocument"),
        (b"<BlockList%s" % (b" " * 1_000_000), "InvalidXmlDocument"),
    ],
)
async def test_lists_that_are_refused(tmp_path, document, code):
    async with served(tmp_path) as gateway:
        await put_block(gateway, 1, b"x")
        answer = await gateway.ask("PUT", "c", "b", data=document, comp="blocklist")
        assert code_of(answer) == (400, code)
        assert (await commit(gateway, 1))[0] == 201


async def test_a_list_has_a_length(tmp_path):
    async with served(tmp_path) as gateway:
        answer = await gateway.ask("PUT", "c", "b", data=b" " * ((8 << 20) + 1), comp="blocklist")
        assert code_of(answer) == (413, "RequestBodyTooLarge")
        assert code_of(await gateway.ask("PUT", "c", "b", data=b" " * (8 << 20), comp="blocklist"))[0] == 400


@given(st.lists(st.binary(min_size=1, max_size=64), max_size=20), st.sampled_from(["Latest", "Uncommitted"]))
def test_a_list_is_read_as_it_was_written(ids, kind):
    tag = kind.encode()
    rows = (b"\r\n  <%s>%s</%s>" % (tag, b64encode(each), tag) for each in ids)
    document = b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>\n<BlockList>%s</BlockList>\n' % b"".join(rows)
    assert listed(document) == ids


XML = st.sampled_from(
    [
        b"<BlockList>",
        b"</BlockList>",
        b"<BlockList/>",
        b"<Latest>",
        b"</Latest>",
        b"AAAA",
        b"<?xml?>",
        b"<!DOCTYPE",
        b" ",
    ]
)


@given(st.binary() | st.lists(XML).map(b"".join))
def test_of_any_document_come_ids_or_a_fault(document):
    ids, fault = attempt(listed, document)
    assert fault.status == 400 if fault else document.count(b64encode(b"\0" * 3)) == len(ids)


@given(st.text())
def test_any_text_is_an_id_or_a_fault(text):
    block, fault = attempt(block_id, text)
    assert fault.code == "InvalidBlockId" if fault else b64encode(block).decode() == text


# Staging itself -----------------------------------------------------------------------------------------------------

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def staged_in(root, bytes_max):
    """A staging of a workspace without a bound of its own."""
    return Staging(root, bytes_max, lambda workspace: StoredBytes(MemoryBlobs(), workspace))


async def chunks(*given):
    for each in given:
        yield each


async def test_blocks_are_kept_over_a_restart(tmp_path):
    blobs = FileBlobs(tmp_path / "blobs")
    async with served(tmp_path, workspace=in_memory(blobs=blobs)) as gateway:
        await put_block(gateway, 1, b"before")
    async with served(tmp_path, workspace=in_memory(blobs=blobs)) as gateway:
        await put_block(gateway, 2, b" and after")
        assert (await commit(gateway, 1, 2))[0] == 201
        assert (await gateway.ask("GET", "c", "b"))[2] == b"before and after"


async def test_what_a_crash_left_half_written_is_cleared_away(tmp_path):
    await staged_in(tmp_path, 100).put("k", b"1", chunks(b"abc"))
    (file,) = files_in(tmp_path)
    file.with_name(".1").write_bytes(b"half")
    again = staged_in(tmp_path, 5)
    assert await again.sizes("k") == {b"1": 3}
    assert files_in(tmp_path) == [file]
    with pytest.raises(Fault, match="RequestBodyTooLarge"):  # what lies there counts
        await again.put("k", b"2", chunks(b"abc"))
    await again.put("k", b"2", chunks(b"ab"))


async def test_blocks_of_an_earlier_boot_are_not_read(tmp_path, monkeypatch):
    root, boot = tmp_path / "staging", tmp_path / "boot_id"
    await staged_in(root, 100).put("k", b"1", chunks(b"abc"))
    boot.write_text("another\n")
    monkeypatch.setattr(block_files, "_BOOT_ID", boot)
    later = staged_in(root, 100)
    assert await later.sizes("k") == {}
    await later.put("k", b"2", chunks(b"x"))
    assert await later.sweep(LONG_AGO) == 1
    assert [file.parts[-3] for file in files_in(root)] == ["another"]
    assert await later.sizes("k") == {b"2": 1}


async def test_a_sweep_removes_what_nobody_goes_on_with(tmp_path):
    places = staged_in(tmp_path, 100)
    assert await places.sweep(LONG_AGO) == 0
    await places.put("old", b"1", chunks(b"abc"))
    assert await places.sweep(LONG_AGO) == 0
    going_on = anyio.Event()

    async def slow():
        yield b"a"
        await going_on.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(places.put("new", b"1", slow()))
        await until(lambda: len(files_in(tmp_path)) == 2)
        assert await places.sweep(datetime.now(UTC) + timedelta(days=1)) == 1
        going_on.set()
    assert await places.sizes("old") == {}
    assert await places.sizes("new") == {b"1": 1}


async def test_the_daemon_sweeps_when_it_starts(tmp_path):
    async with served(tmp_path) as gateway:
        await put_block(gateway, 1, b"x")
    (file,) = files_in(tmp_path / "data")
    earlier = file.parents[1].with_name("earlier") / "folder"
    earlier.mkdir(parents=True)
    (earlier / "31").write_bytes(b"x")
    async with served(tmp_path):
        await until(lambda: files_in(tmp_path / "data") == [file])


async def test_blocks_that_come_during_the_commit_do_no_harm(tmp_path):
    places = staged_in(tmp_path, 100)
    await places.put("k", b"1", chunks(b"abc"))
    going_on = anyio.Event()

    async def slow():
        yield b"a"
        await going_on.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(places.put("k", b"2", slow()))
        await until(lambda: len(files_in(tmp_path)) == 2)
        async with aclosing(places.content("k", [b"1"])) as content:
            assert b"".join([piece async for piece in content]) == b"abc"
        await places.discard("k")
        going_on.set()
    assert await places.sizes("k") == {b"2": 1}
    await places.put("k", b"3", chunks(bytes(99)))


async def test_little_is_kept_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "_KNOWN_MAX", 3)
    places = staged_in(tmp_path, 100)
    for number in range(10):
        await places.put(f"k{number}", b"1", chunks(bytes(number)))
    assert len(places._known) <= 3
    assert [await places.sizes(f"k{number}") for number in range(10)] == [{b"1": number} for number in range(10)]


async def test_a_cancelled_block_leaves_nothing(tmp_path):
    places = staged_in(tmp_path, 100)

    async def endless():
        while True:
            yield b""
            await anyio.lowlevel.checkpoint()

    with anyio.move_on_after(0.05):
        await places.put("k", b"1", endless())
    assert files_in(tmp_path) == []
    await places.put("k", b"1", chunks(bytes(100)))
