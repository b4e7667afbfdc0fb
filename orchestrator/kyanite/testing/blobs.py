"""The contract of blob stores, as a suite: subclass it, give it stores, and pytest runs it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from kyanite.errors import BlobExists, BlobMissing, InvalidRequest, ReadOnly, WorkspaceClosed
from kyanite.ports import BlobStore

KEY = "default/job-1/inputData"

REFUSED = (
    "",
    "/",
    "default",
    "default/job-1",
    "/default/job-1/inputData",
    "default/job-1/inputData/",
    "default//inputData",
    "default/../inputData",
    "default/./inputData",
    "../../etc/passwd",
    "default/job-1/../../../secret",
    "default\\job-1\\inputData",
    "default/job-1/..\\secret",
    "C:/job-1/inputData",
    "default/c:name/inputData",
    "default/job-1/nul\0byte",
    "default/job-1/line\nbreak",
    "default/job-1/delete\x7f",
    "default/job-1/next\x85line",
    "default/job-1/separator\u2028",
    "default/job-1/half\ud800",
    "default/job-1/dot.",
    "default/job-1/space ",
    "default/job-1/e\u0301",
    "default/job-1/" + "x" * 256,
    "default/job-1/" + "é" * 128,
    "/".join(["x" * 100] * 11),
)
ODD = (
    "default/job-1/input data",
    "default/job-1/100%",
    "default/job-1/%2e%2e%2fsecret",
    "default/job-1/a?b#c&d=e",
    "default/job-1/...dots",
    "default/job-1/.hidden",
    "default/job-1/-rf",
    "default/job-1/*",
    "default/job-1/'; DROP TABLE blob; --",
    'default/job-1/"quoted"',
    "default/job-1/~",
    "default/job-1/é",
    "default/job-1/日本語/出力",
    "default/job-1/🙂",
    "default/job-1/\ufffd",
    "default/job-1/inputData/with/more/parts",
    "default/job-1/" + "x" * 255,
    "x" * 255 + "/" + "y" * 255 + "/" + "z" * 255,
    "Default/Job-1/InputData",
)


async def chunks(parts: Iterable[bytes], failure: Exception | None = None) -> AsyncIterator[bytes]:
    """Yield the parts as a stream does, and fail at the end if told to."""
    for part in parts:
        await anyio.lowlevel.checkpoint()
        yield part
    if failure is not None:
        raise failure


async def content_of(stream: AsyncIterator[bytes]) -> bytes:
    """Return a stream's whole content."""
    return b"".join([chunk async for chunk in stream])


def some_bytes(size: int) -> bytes:
    """Return bytes without a short period, always the same for a size."""
    block = b"".join(
        hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(-(-min(size, 65_536) // 32))
    )
    return (block * (size // max(len(block), 1) + 1))[:size]


class BlobContract:
    """What every blob store does. `opened` gives a context manager of an empty, open store."""

    def opened(self, *, read_only: bool = False) -> AbstractAsyncContextManager[BlobStore]:
        """Return an open, empty store; a second call in one test opens what the first has left, if it persists."""
        raise NotImplementedError

    persists = True
    """Whether a store that is closed and opened again has what it had."""

    small_bytes_max = 65_536
    """The size at which the store changes its ways, if it does: sizes around it are tried."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes worth trying."""
        small = self.small_bytes_max
        return (0, 1, small - 1, small, small + 1, 3 * 1024 * 1024 + 7)

    async def test_what_was_put_comes_back(self) -> None:
        """Of every size, by every way in and out, with the right record."""
        async with self.opened() as blobs:
            for size in self.sizes:
                content = some_bytes(size)
                key = f"default/job-1/{size}"
                blob = await blobs.put(key, content)
                assert (blob.key, blob.size, blob.sha256) == (key, size, hashlib.sha256(content).hexdigest())
                assert await blobs.get(key) == content
                assert await content_of(blobs.read(key)) == content
                assert await blobs.stat(key) == blob

    async def test_a_stream_is_put_as_its_bytes_are(self) -> None:
        """Whatever its chunks are: empty ones, single bytes, all at once."""
        async with self.opened() as blobs:
            for size in self.sizes:
                content = some_bytes(size)
                cuts = sorted((0, min(1, size), min(1, size), size // 2, size))
                parts = [content[start:end] for start, end in pairwise(cuts)]
                for name, stream in (("cut", parts), ("whole", [content])):
                    blob = await blobs.put(f"default/{name}/{size}", chunks(stream))
                    assert blob.sha256 == hashlib.sha256(content).hexdigest()
                    assert await blobs.get(blob.key) == content

    async def test_a_local_file_is_put_as_its_bytes_are(self, tmp_path: Path) -> None:
        """And stays where it is."""
        async with self.opened() as blobs:
            for size in self.sizes:
                source = anyio.Path(tmp_path / str(size))
                await source.write_bytes(some_bytes(size))
                blob = await blobs.put(f"default/job-1/{size}", Path(source))
                assert blob.size == size
                assert await blobs.get(blob.key) == await source.read_bytes()

    async def test_content_that_can_not_be_read_is_refused(self, tmp_path: Path) -> None:
        """A missing file, a folder, text, a stream of text: nothing is stored."""
        async with self.opened() as blobs:
            text = chunks(["text"])  # type: ignore[list-item]
            for content in (tmp_path / "missing", tmp_path, "text", 7, None, text):
                with pytest.raises(InvalidRequest, match="content"):
                    await blobs.put(KEY, content)  # type: ignore[arg-type]
                assert await blobs.stat(KEY) is None

    async def test_the_label_comes_back(self) -> None:
        """Type, encoding, metadata and time are as given, for small and large."""
        metadata = {"név": "árvíztűrő 🙂", "quote": "\"'\\", "empty": "", "lines": "a\nb\0c"}
        async with self.opened() as blobs:
            for size in (3, self.small_bytes_max + 1):
                before = datetime.now(UTC)
                key = f"default/job-1/{size}"
                blob = await blobs.put(
                    key, some_bytes(size), content_type="application/json", content_encoding="gzip", metadata=metadata
                )
                assert (blob.content_type, blob.content_encoding) == ("application/json", "gzip")
                assert blob.metadata == metadata
                assert abs(blob.created - before) < timedelta(minutes=1)
                assert await blobs.stat(key) == blob
                assert await blobs.page() == [blob]
                await blobs.delete([key])

    async def test_a_label_that_can_not_be_kept_is_refused(self) -> None:
        """With the field at fault, and nothing is stored."""
        labels: tuple[tuple[str, object], ...] = (
            ("content_type", ""),
            ("content_type", "text/plain\r\nX-Evil: 1"),
            ("content_type", "x" * 256),
            ("content_type", 7),
            ("content_encoding", "gz\udc80ip"),
            ("metadata", {"a": 1}),
            ("metadata", {"a": "\ud800"}),
            ("metadata", {"a": "x" * 10_000}),
        )
        async with self.opened() as blobs:
            for field, value in labels:
                with pytest.raises(InvalidRequest) as refused:
                    await blobs.put(KEY, b"content", **{field: value})  # type: ignore[arg-type]
                assert refused.value.field == field
                assert await blobs.stat(KEY) is None

    async def test_a_key_is_taken_once(self) -> None:
        """Whatever the sizes, the first content stays."""
        async with self.opened() as blobs:
            large = some_bytes(self.small_bytes_max + 1)
            for number, (first, second) in enumerate(((b"a", b"b"), (b"a", large), (large, b"b"), (large, large))):
                key = f"default/job-1/{number}"
                await blobs.put(key, first)
                for again in (second, chunks([second])):
                    with pytest.raises(BlobExists):
                        await blobs.put(key, again)
                assert await blobs.get(key) == first

    async def test_one_of_many_wins_a_race(self) -> None:
        """Twenty at one key, small and large mixed: one is stored, and it is the one that was told so."""
        async with self.opened() as blobs:
            for sizes in ((10, 10), (self.small_bytes_max + 1,) * 2, (10, self.small_bytes_max + 1)):
                key = f"default/race/{sizes[0]}-{sizes[1]}"
                contents = [bytes([number]) * sizes[number % 2] for number in range(20)]
                won: list[int] = []

                async def attempt(
                    number: int, key: str = key, won: list[int] = won, of: list[bytes] = contents
                ) -> None:
                    content = of[number] if number % 3 else chunks([of[number]])
                    try:
                        await blobs.put(key, content)
                    except BlobExists:
                        return
                    won.append(number)

                async with anyio.create_task_group() as group:
                    for number in range(20):
                        group.start_soon(attempt, number)
                assert len(won) == 1
                assert await blobs.get(key) == contents[won[0]]

    async def test_a_taken_key_does_not_hinder_its_neighbours(self) -> None:
        """Five hundred and twelve at once, every tenth taken."""
        async with self.opened() as blobs:
            taken = set(range(0, 512, 10))
            for number in taken:
                await blobs.put(f"default/many/{number}", b"first")
            refused: set[int] = set()

            async def attempt(number: int) -> None:
                try:
                    await blobs.put(f"default/many/{number}", str(number).encode())
                except BlobExists:
                    refused.add(number)

            async with anyio.create_task_group() as group:
                for number in range(512):
                    group.start_soon(attempt, number)
            assert refused == taken
            for number in range(512):
                assert await blobs.get(f"default/many/{number}") == (
                    b"first" if number in taken else str(number).encode()
                )

    async def test_a_failing_stream_leaves_nothing(self) -> None:
        """Its own exception comes out, and the key stays free."""
        async with self.opened() as blobs:
            for size in (0, 10, self.small_bytes_max + 1, 3 * 1024 * 1024):
                with pytest.raises(ConnectionResetError, match="lost"):
                    await blobs.put(KEY, chunks([some_bytes(size)], ConnectionResetError("lost")))
                assert await blobs.stat(KEY) is None
                assert await blobs.page() == []
                assert blobs.local_path(KEY) is None
            await blobs.put(KEY, b"content")
            assert await blobs.get(KEY) == b"content"

    async def test_parts_can_be_read(self) -> None:
        """Any range, clipped to what there is; a negative one is refused."""
        async with self.opened() as blobs:
            for size in self.sizes:
                content = some_bytes(size)
                key = f"default/job-1/{size}"
                await blobs.put(key, content)
                for start in (0, 1, size // 2, size, size + 5):
                    for end in (None, 0, 1, size // 2 + 1, size, size + 5):
                        assert await content_of(blobs.read(key, start, end)) == content[start:end]
                for start, end in ((-1, None), (0, -1)):
                    with pytest.raises(InvalidRequest, match="range"):
                        await content_of(blobs.read(key, start, end))

    async def test_what_is_not_there_is_missing(self) -> None:
        """`stat` says `None`; whoever wants the content gets an error."""
        async with self.opened() as blobs:
            assert await blobs.stat(KEY) is None
            assert blobs.local_path(KEY) is None
            with pytest.raises(BlobMissing):
                await blobs.get(KEY)
            with pytest.raises(BlobMissing):
                await content_of(blobs.read(KEY))

    async def test_what_is_deleted_is_gone(self) -> None:
        """Small and large, together with what never was; the key can be taken anew."""
        async with self.opened() as blobs:
            keys = ["default/job-1/small", "default/job-1/large", "default/job-1/kept"]
            sizes = (1, self.small_bytes_max + 1, 1)
            for key, size in zip(keys, sizes, strict=True):
                await blobs.put(key, some_bytes(size))
            await blobs.delete([*keys[:2], "default/job-1/never", keys[0]])
            await blobs.delete([])
            assert [blob.key for blob in await blobs.page()] == keys[2:]
            for key, size in zip(keys[:2], sizes, strict=False):
                assert await blobs.stat(key) is None
                with pytest.raises(BlobMissing):
                    await blobs.get(key)
                await blobs.put(key, b"!" * size)
                assert await blobs.get(key) == b"!" * size

    async def test_pages_are_by_key(self) -> None:
        """Every object once, in code-point order, under its prefix only."""
        keys = sorted(
            f"{space}/{job}/{name}" for space in ("a", "a%", "b", "é") for job in ("1", "1_", "😀") for name in "xy"
        )
        async with self.opened() as blobs:
            for key in reversed(keys):
                await blobs.put(key, b"")
            assert [blob.key for blob in await blobs.page()] == keys
            for prefix in ("", "a", "a/", "a%", "a/1", "a/1/", "a/1_", "é", "é/😀", "z", "\U0010ffff"):
                found: list[str] = []
                while page := await blobs.page(prefix, found[-1] if found else "", 5):
                    assert len(page) <= 5
                    found += [blob.key for blob in page]
                assert found == [key for key in keys if key.startswith(prefix)]
            assert [blob.key for blob in await blobs.page("b/", "a")] == [key for key in keys if key.startswith("b/")]
            for limit in (0, -1):
                with pytest.raises(InvalidRequest, match="limit"):
                    await blobs.page(limit=limit)

    async def test_unsafe_keys_are_refused_everywhere(self) -> None:
        """Before anything is touched, and with a reason."""
        async with self.opened() as blobs:
            for key in REFUSED:
                for attempt in (blobs.put(key, b"x"), blobs.stat(key), blobs.get(key), blobs.delete([key])):
                    with pytest.raises(InvalidRequest, match="key"):
                        await attempt
                with pytest.raises(InvalidRequest, match="key"):
                    await content_of(blobs.read(key))
            assert await blobs.page() == []

    async def test_odd_keys_come_back_as_they_are(self) -> None:
        """Small and large, each its own object."""
        async with self.opened() as blobs:
            for size in (1, self.small_bytes_max + 1):
                contents = {key: bytes([number]) * size for number, key in enumerate(ODD)}
                for key, content in contents.items():
                    assert (await blobs.put(key, content)).key == key
                assert [blob.key for blob in await blobs.page()] == sorted(ODD)
                for key, content in contents.items():
                    assert await blobs.get(key) == content
                await blobs.delete(ODD)
                assert await blobs.page() == []

    async def test_a_local_path_holds_the_content(self) -> None:
        """Where a store gives one."""
        async with self.opened() as blobs:
            for size in self.sizes:
                await blobs.put(f"default/job-1/{size}", some_bytes(size))
                path = blobs.local_path(f"default/job-1/{size}")
                assert path is None or await anyio.Path(path).read_bytes() == some_bytes(size)

    async def test_objects_outlive_the_store(self) -> None:
        """Closed and opened again, for writing or only for reading, it has what it had."""
        if not self.persists:
            pytest.skip("this store keeps nothing")
        async with self.opened() as blobs:
            stored = [
                await blobs.put(f"default/job-1/{size}", some_bytes(size), metadata={"a": "b"}) for size in self.sizes
            ]
        for read_only in (True, False):
            async with self.opened(read_only=read_only) as blobs:
                assert await blobs.page() == sorted(stored, key=lambda blob: blob.key)
                for blob in stored:
                    assert await blobs.get(blob.key) == some_bytes(blob.size)
                    assert await content_of(blobs.read(blob.key)) == some_bytes(blob.size)
                if read_only:
                    with pytest.raises(ReadOnly):
                        await blobs.put("default/job-1/new", b"")
                    with pytest.raises(ReadOnly):
                        await blobs.delete([stored[0].key])

    async def test_a_closed_store_says_so(self) -> None:
        """And may be closed again."""
        async with self.opened() as blobs:
            await blobs.put(KEY, b"content")
            await blobs.aclose()
            await blobs.aclose()
            for attempt in (blobs.put(KEY, b""), blobs.stat(KEY), blobs.get(KEY), blobs.page(), blobs.delete([KEY])):
                with pytest.raises(WorkspaceClosed):
                    await attempt
            with pytest.raises(WorkspaceClosed):
                await content_of(blobs.read(KEY))
