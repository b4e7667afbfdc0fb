import gzip
import hashlib
import io
import tracemalloc
import zlib

import pytest

from kyanite.errors import ProviderError
from kyanite_providers.local.frames import Source
from kyanite_providers.local.inflate import invalid, opened

LIMIT = 1 << 20
TEXT = b'{"cost_function": {}}' * 1000


def inline(content: bytes) -> Source:
    return Source(hashlib.sha256(content).hexdigest(), content=content)


def read_source(source, limit):
    with opened(source, limit) as plain:
        content = b"".join(plain)
    assert plain.size == len(content)
    return content


def test_plain_and_gzip_give_the_same():
    assert read_source(inline(TEXT), LIMIT) == TEXT
    assert read_source(inline(gzip.compress(TEXT)), LIMIT) == TEXT


def test_several_members_are_one_input():
    assert read_source(inline(gzip.compress(TEXT) + gzip.compress(b"x" * 9)), LIMIT) == TEXT + b"x" * 9


def test_file_is_read_in_place(tmp_path):
    path = tmp_path / "input"
    path.write_bytes(gzip.compress(TEXT))
    source = Source(hashlib.sha256(path.read_bytes()).hexdigest(), path=str(path))
    assert read_source(source, LIMIT) == TEXT


def test_input_of_exactly_the_limit_is_read():
    content = b"x" * LIMIT
    assert len(read_source(inline(content), LIMIT)) == LIMIT
    assert len(read_source(inline(gzip.compress(content)), LIMIT)) == LIMIT
    with pytest.raises(ProviderError, match="larger than 1048576 bytes"):
        read_source(inline(content + b"x"), LIMIT)


def test_gzip_bomb_stops_at_the_limit():
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    limit = 8 << 20
    tracemalloc.start()
    try:
        with pytest.raises(ProviderError, match="AZQ105: the input is larger than") as caught:
            read_source(inline(bomb), limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.error.code == "InvalidInputData"
    assert peak < 2 * limit


@pytest.mark.parametrize("cut", [1, 5, 12, 40])
def test_truncated_gzip_is_refused(cut):
    packed = gzip.compress(TEXT)
    with pytest.raises(ProviderError, match="AZQ105: the gzip stream"):
        read_source(inline(packed[:-cut]), LIMIT)


def test_damaged_gzip_is_refused():
    packed = bytearray(gzip.compress(TEXT))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(ProviderError, match="AZQ105"):
        read_source(inline(bytes(packed)), LIMIT)


def test_other_bytes_than_recorded_are_refused():
    source = Source(hashlib.sha256(TEXT).hexdigest(), content=TEXT + b" ")
    with pytest.raises(ProviderError, match="has the hash") as caught:
        read_source(source, LIMIT)
    assert caught.value.error.code == "InputCorrupt"


def test_other_bytes_than_recorded_are_told_from_what_was_sent_wrong():
    content = bytearray(gzip.compress(TEXT) + gzip.compress(TEXT))
    recorded = hashlib.sha256(content).hexdigest()
    content[30] ^= 0xFF
    with pytest.raises(ProviderError, match="has the hash") as caught:
        read_source(Source(recorded, content=bytes(content)), LIMIT)
    assert "AZQ105: the gzip stream is damaged" in str(caught.value.__cause__)
    with pytest.raises(ProviderError) as caught, opened(Source("0" * 64, content=TEXT), LIMIT):
        raise invalid("AZQ103", None, "as a reader says that stops early")
    assert caught.value.error.code == "InputCorrupt"


def test_hash_counts_what_the_reader_leaves():
    with opened(inline(gzip.compress(TEXT) * 9), LIMIT) as plain:
        assert next(plain) == TEXT
    with pytest.raises(ProviderError, match="has the hash"), opened(Source("0" * 64, content=TEXT), LIMIT) as plain:
        next(plain)


def test_member_with_a_long_name_is_read():
    stream = io.BytesIO()
    with gzip.GzipFile("n" * 5000, "wb", fileobj=stream) as file:
        file.write(TEXT)
    assert read_source(inline(stream.getvalue()), LIMIT) == TEXT
