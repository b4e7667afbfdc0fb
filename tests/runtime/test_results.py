"""Outputs as Python values."""

import gzip

import pytest

from kyanite.errors import BlobCorrupt
from kyanite.runtime.job import decode_results

JSON = b'{"a": [1, 2.5]}'


@pytest.mark.parametrize("raw", [JSON, gzip.compress(JSON, mtime=0)])
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "application/x-other"])
def test_json_is_parsed_whatever_it_is_called(raw, content_type):
    assert decode_results(raw, content_type) == {"a": [1, 2.5]}


@pytest.mark.parametrize(
    ("raw", "content_type", "output"),
    [
        (b"caf\xc3\xa9", "text/plain; charset=utf-8", "caf\u00e9"),
        (b"12", "text/plain", "12"),
        (b"\x00\x01", "application/octet-stream", b"\x00\x01"),
        (gzip.compress(b"\x00\x01", mtime=0), "application/octet-stream", b"\x00\x01"),
        (b"\x1f\x8bnot gzip", "application/octet-stream", b"\x1f\x8bnot gzip"),
        (
            gzip.compress(b"cut short", mtime=0)[:-9],
            "application/octet-stream",
            gzip.compress(b"cut short", mtime=0)[:-9],
        ),
    ],
)
def test_what_is_no_json_is_text_or_bytes(raw, content_type, output):
    assert decode_results(raw, content_type) == output


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [(b"{", "application/json"), (b"\x1f\x8bnot gzip", "application/json"), (b"\xff", "text/plain")],
)
def test_what_is_not_what_it_says_is_corrupt(raw, content_type):
    with pytest.raises(BlobCorrupt, match=content_type):
        decode_results(raw, content_type)
