"""What requests carry."""

from datetime import UTC, datetime

import msgspec
import pytest

from kyanite.client import uploads
from kyanite.client.uploads import Upload, json_body
from kyanite.errors import InvalidRequest


async def sent(upload):
    return [piece async for piece in upload.pieces()]


async def test_bytes_and_files_go_in_pieces_as_often_as_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "PIECE_BYTES", 4)
    (tmp_path / "file").write_bytes(b"123456789")
    for content in (b"123456789", tmp_path / "file"):
        upload = Upload(content, "text/plain")
        assert await upload.size() == 9
        for _ in range(2):
            assert await sent(upload) == [b"1234", b"5678", b"9"]
        assert not upload.spent


async def test_a_stream_goes_once():
    async def stream():
        yield b"1"
        yield b"2"

    upload = Upload(stream(), "text/plain")
    assert await upload.size() is None
    assert not upload.spent
    assert await sent(upload) == [b"1", b"2"]
    assert upload.spent


async def test_what_goes_wrong_in_the_content_is_kept(tmp_path):
    async def stream():
        yield b"1"
        raise ZeroDivisionError

    upload = Upload(stream(), "text/plain")
    with pytest.raises(ZeroDivisionError):
        await sent(upload)
    assert isinstance(upload.failure, ZeroDivisionError)
    missing = Upload(tmp_path / "missing", "text/plain", "input")
    with pytest.raises(InvalidRequest, match="input can not be read"):
        await missing.size()
    with pytest.raises(InvalidRequest, match="input can not be read"):
        await sent(missing)


async def test_json_is_as_msgspec_writes_it():
    body = json_body({"a": (1, "x"), "b": {"c": datetime(2026, 1, 1, tzinfo=UTC)}, "d": msgspec.Raw(b"[ 1 ]")})
    assert b"".join(await sent(body)) == b'{"a":[1,"x"],"b":{"c":"2026-01-01T00:00:00Z"},"d":[ 1 ]}'
    assert body.content_type == "application/json"


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), "finite"),
        ({"x": [1.0, float("inf")]}, "finite"),
        (nested(101), "100 deep"),
        (nested(100_000), "JSON|deep"),
        (object(), "JSON"),
        ("\ud800", "JSON"),
    ],
)
def test_what_would_not_arrive_is_refused_with_its_field(value, problem):
    with pytest.raises(InvalidRequest, match=problem) as refused:
        json_body({"fine": 1, "a": value})
    assert refused.value.field == "a"
    assert json_body({"a": nested(99)}).spent is False
