"""Run by the interpreter that has azure-storage-blob: does with the links on stdin what the SDKs do, and more.

Writes on stdout, as JSON, what it got.
"""

import gzip
import json
import sys

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, BlobClient, ContainerClient, ContentSettings

links = json.load(sys.stdin)
LARGE = bytes(range(256)) * 20_000
SMALL = {"max_single_put_size": 1 << 20, "max_block_size": 300_000, "max_single_get_size": 1 << 20}
SMALL |= {"max_chunk_get_size": 500_000, "retry_total": 0}


def code(call, kind):
    """The code of what goes wrong."""
    try:
        call()
    except kind as error:
        return str(getattr(error.error_code, "value", error.error_code))
    return "nothing"


def containers():
    container = ContainerClient.from_container_url(links["container"], retry_total=0)
    said = {"exists": container.exists()}
    said["created"] = bool(container.create_container()["etag"])
    container.upload_blob("a", b"x")
    said["again"] = code(container.create_container, ResourceExistsError)
    said["etag"] = bool(container.get_container_properties().etag)
    return said


def uploads():
    container = ContainerClient.from_container_url(links["container"], **SMALL)
    blob = container.get_blob_client("inputs/ü 1%")
    settings = ContentSettings(content_type="application/json", content_encoding="gzip")
    packed = gzip.compress(b'{"x": 1}')
    blob.upload_blob(packed, content_settings=settings, metadata={"Probe": "1"})
    properties = blob.get_blob_properties()
    return {
        "overwritten": code(lambda: blob.upload_blob(b"other"), ResourceExistsError),
        "forced": code(lambda: blob.upload_blob(b"other", overwrite=True), ResourceExistsError),
        "type": properties.content_settings.content_type,
        "encoding": properties.content_settings.content_encoding,
        "metadata": properties.metadata,
        "size": properties.size == len(packed),
        "kind": properties.blob_type,
        "created": properties.creation_time == properties.last_modified,
        "unpacked": blob.download_blob().readall().decode(),
        "packed": blob.download_blob(decompress=False).readall() == packed,
        "exists": [blob.exists(), container.get_blob_client("none").exists()],
    }


def large():
    container = ContainerClient.from_container_url(links["container"], **SMALL)
    blob = container.get_blob_client("large")
    blob.upload_blob(LARGE, max_concurrency=3, metadata={"a": "1"}, validate_content=True)
    got = bytearray()
    for chunk in blob.download_blob().chunks():
        got += chunk
    return {
        "whole": blob.download_blob(max_concurrency=3).readall() == LARGE,
        "chunks": got == LARGE,
        "range": blob.download_blob(offset=999_999, length=1_000_001).readall() == LARGE[999_999:2_000_000],
        "end": blob.download_blob(offset=len(LARGE) - 3).readall() == LARGE[-3:],
        "metadata": blob.get_blob_properties().metadata,
        "beyond": code(lambda: blob.download_blob(offset=len(LARGE)).readall(), HttpResponseError),
        "changed": code(lambda: blob.download_blob(etag="x", match_condition=match()), ResourceModifiedError),
    }


def match():
    from azure.core import MatchConditions

    return MatchConditions.IfNotModified


def blocks():
    container = ContainerClient.from_container_url(links["container"], retry_total=0)
    blob = container.get_blob_client("blocks")
    for name in ("a", "b"):
        blob.stage_block(name, name.encode() * 3)
    waiting = [(each.id, each.size) for each in blob.get_block_list("uncommitted")[1]]
    blob.commit_block_list([BlobBlock("b"), BlobBlock("a")])
    empty = container.get_blob_client("empty")
    empty.upload_blob(b"")
    return {
        "waiting": sorted(waiting),
        "content": blob.download_blob().readall().decode(),
        "unknown": code(lambda: empty.commit_block_list([BlobBlock("c")]), ResourceExistsError),
        "empty": empty.download_blob().readall().decode(),
    }


def lists():
    container = ContainerClient.from_container_url(links["container"], retry_total=0)
    pages = container.list_blobs(results_per_page=2, include=["metadata"]).by_page()
    listed = [list(page) for page in pages]
    return {
        "names": [blob.name for page in listed for blob in page],
        "pages": [len(page) for page in listed],
        "metadata": {blob.name: blob.metadata for page in listed for blob in page if blob.metadata},
        "some": [blob.name for blob in container.list_blobs(name_starts_with="inputs/")],
        "walked": sorted(entry.name for entry in container.walk_blobs()),
    }


def refusals():
    return {
        "expired": code(
            ContainerClient.from_container_url(links["expired"]).get_blob_client("a").exists, ClientAuthenticationError
        ),
        "foreign": code(BlobClient.from_blob_url(links["foreign"]).download_blob, ClientAuthenticationError),
        "reader": code(lambda: BlobClient.from_blob_url(links["reader"]).upload_blob(b"x"), HttpResponseError),
        "read": BlobClient.from_blob_url(links["reader"]).download_blob().readall().decode(),
        "none": code(BlobClient.from_blob_url(links["none"]).download_blob, ResourceNotFoundError),
        "output": code(lambda: BlobClient.from_blob_url(links["output"]).upload_blob(b"x"), HttpResponseError),
        "lease": code(BlobClient.from_blob_url(links["reader"]).acquire_lease, HttpResponseError),
    }


json.dump({step.__name__: step() for step in (containers, uploads, large, blocks, lists, refusals)}, sys.stdout)
