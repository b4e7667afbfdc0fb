from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from kyanite.blobs.keys import is_safe
from kyanite.http.gateway import listing
from tests.http.gateway.places import code_of, served


async def test_a_container_is_there_for_whoever_has_a_link(tmp_path):
    async with served(tmp_path) as gateway:
        for method in ("GET", "HEAD"):
            status, headers, body = await gateway.ask(method, "qio-problems", restype="container")
            assert (status, body) == (200, b"")
            assert headers["ETag"]
            assert headers["Last-Modified"].endswith("GMT")
        status, headers, _ = await gateway.ask("PUT", "qio-problems", restype="container")
        assert status == 201
        assert headers["ETag"]
        await gateway.put("qio-problems", "b", b"x")
        answer = await gateway.ask("PUT", "qio-problems", restype="container")
        assert code_of(answer) == (409, "ContainerAlreadyExists")
        assert (await gateway.ask("PUT", "qio", restype="container"))[0] == 201


@pytest.mark.parametrize("name", ["a..b", "x" * 300, "a b", "ü", "a."])
async def test_names_of_containers(tmp_path, name):
    async with served(tmp_path) as gateway:
        assert code_of(await gateway.ask("GET", name, restype="container")) == (400, "InvalidResourceName")


async def listed(gateway, container="c", **query):
    """Names of the blobs and beginnings on every page, and how many pages there were."""
    names, pages, marker = [], 0, ""
    while True:
        given = {"marker": marker} if marker else {}
        status, headers, body = await gateway.ask("GET", container, restype="container", comp="list", **query, **given)
        assert (status, headers["Content-Type"]) == (200, "application/xml")
        document = ET.fromstring(body)
        for entry in document.find("Blobs"):
            name = entry.find("Name")
            names.append(unquote(name.text) if name.get("Encoded") else name.text)
        pages += 1
        marker = document.findtext("NextMarker")
        if not marker:
            return names, pages


async def test_a_listing_says_what_there_is(tmp_path):
    async with served(tmp_path) as gateway:
        blob = await gateway.workspace.blobs.put(
            "default/c/a <&>", b"abc", content_type="text/plain", content_encoding="gzip", metadata={"a": "<1>"}
        )
        await gateway.workspace.blobs.put("default/d/other", b"")
        _, _, body = await gateway.ask("GET", "c", restype="container", comp="list", include="metadata")
        document = ET.fromstring(body)
        assert document.get("ContainerName") == "c"
        assert document.get("ServiceEndpoint") == f"{gateway.address}/c"
        (entry,) = document.find("Blobs")
        said = {child.tag: child.text for child in entry.find("Properties")}
        assert entry.findtext("Name") == "a <&>"
        assert entry.findtext("Metadata/a") == "<1>"
        assert said["Content-Length"] == "3"
        assert said["Content-Type"] == "text/plain"
        assert said["Content-Encoding"] == "gzip"
        assert said["BlobType"] == "BlockBlob"
        assert said["Etag"] == blob.sha256
        assert said["Last-Modified"] == said["Creation-Time"]
        _, _, body = await gateway.ask("GET", "c", restype="container", comp="list")
        assert ET.fromstring(body).find("Blobs/Blob/Metadata/a") is None


async def test_pages(tmp_path, monkeypatch):
    async with served(tmp_path) as gateway:
        names = sorted(["a", "a/1", "a/2", "a/b/3", "ab", "b/1", "b/2", "c", "z\ufffe", "ü"])
        for name in names:
            await gateway.workspace.blobs.put(f"default/c/{name}", b"")
        assert await listed(gateway) == (names, 1)
        assert await listed(gateway, maxresults=3) == (names, 4)
        assert await listed(gateway, maxresults=5) == (names, 2)
        assert await listed(gateway, prefix="a/") == (["a/1", "a/2", "a/b/3"], 1)
        assert await listed(gateway, prefix="b", maxresults=1) == (["b/1", "b/2"], 2)
        assert await listed(gateway, prefix="nothing") == ([], 1)
        assert await listed(gateway, container="empty") == ([], 1)
        begun = ["a", "a/", "ab", "b/", "c", "z\ufffe", "ü"]
        for size in (1, 2, 3, 7, 8):
            assert await listed(gateway, delimiter="/", maxresults=size) == (begun, -(-len(begun) // size))
        assert await listed(gateway, prefix="a/", delimiter="/", maxresults=1) == (["a/1", "a/2", "a/b/"], 3)
        monkeypatch.setattr(listing, "PAGE_MAX", 4)
        assert await listed(gateway) == (names, 3)
        assert await listed(gateway, delimiter="/") == (begun, 2)


@pytest.mark.parametrize(
    "query",
    [
        {"maxresults": "0"},
        {"maxresults": "-1"},
        {"maxresults": "x"},
        {"maxresults": "9" * 5_000},
        {"marker": "!"},
        {"marker": "AAA"},
        {"marker": "_w=="},
        {"delimiter": "ab"},
        {"include": "metadata,nonsense"},
        {"prefix": "x" * 2_000},
    ],
)
async def test_what_a_listing_refuses(tmp_path, query):
    async with served(tmp_path) as gateway:
        answer = await gateway.ask("GET", "c", restype="container", comp="list", **query)
        assert code_of(answer) == (400, "InvalidQueryParameterValue")


def test_no_name_of_a_blob_ends_like_a_beginning():
    assert not is_safe(f"default/c/a{listing.DELIMITER}")
