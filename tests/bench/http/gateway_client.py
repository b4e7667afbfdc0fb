"""A client of the blob gateway that costs little itself: blocking, one connection, one buffer."""

from __future__ import annotations

from base64 import b64encode
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import quote, urlsplit

from tests.bench.http.copy_process import CHUNK_BYTES

PART_BYTES = 4 << 20
"""What the storage client sends in a block, and asks for in a range."""

_CHUNK = memoryview(bytes(range(256)) * (CHUNK_BYTES // 256))
_BLOB = {"x-ms-blob-type": "BlockBlob"}


class GatewayClient:
    """Uploads and downloads in one container. Raises `RuntimeError` for an answer that was not expected."""

    def __init__(self, link: str) -> None:
        """Use a signed link to a container."""
        parts = urlsplit(link)
        self._connection = HTTPConnection(parts.netloc)
        self._path, self._query = parts.path, parts.query
        self._buffer = memoryview(bytearray(CHUNK_BYTES))

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def upload(self, blob: str, size: int) -> None:
        """Send a blob in one request."""
        self._put(blob, size, "", _BLOB)

    def upload_blocks(self, blob: str, size: int) -> None:
        """Send a blob in blocks, one after the other, and their list."""
        names = [b64encode(b"%08d" % number).decode() for number in range(-(-size // PART_BYTES))]
        for number, name in enumerate(names):
            part = min(PART_BYTES, size - number * PART_BYTES)
            self._put(blob, part, f"comp=block&blockid={quote(name)}&", {})
        entries = "".join(f"<Latest>{name}</Latest>" for name in names)
        self._connection.request("PUT", self._url(blob, "comp=blocklist&"), f"<BlockList>{entries}</BlockList>")
        self._end(self._connection.getresponse(), 201)

    def download(self, blob: str, size: int) -> None:
        """Receive a blob in one request."""
        self._connection.request("GET", self._url(blob))
        self._take(size, 200)

    def download_ranges(self, blob: str, size: int) -> None:
        """Receive a blob in ranges, one after the other."""
        for start in range(0, size, PART_BYTES):
            end = min(start + PART_BYTES, size)
            headers = {"x-ms-range": f"bytes={start}-{end - 1}"}
            self._connection.request("GET", self._url(blob), headers=headers)
            self._take(end - start, 206)

    def _url(self, blob: str, query: str = "") -> str:
        return f"{self._path}/{blob}?{query}{self._query}"

    def _put(self, blob: str, size: int, query: str, headers: dict[str, str]) -> None:
        self._connection.putrequest("PUT", self._url(blob, query))
        for name, value in (headers | {"Content-Length": str(size)}).items():
            self._connection.putheader(name, value)
        self._connection.endheaders()
        while size:
            piece = _CHUNK[: min(size, CHUNK_BYTES)]
            self._connection.send(piece)
            size -= len(piece)
        self._end(self._connection.getresponse(), 201)

    def _take(self, size: int, status: int) -> None:
        response = self._connection.getresponse()
        if response.status == status:
            while size and (count := response.readinto(self._buffer)):
                size -= count
        self._end(response, status)
        if size:
            message = f"{size} bytes have not come"
            raise RuntimeError(message)

    @staticmethod
    def _end(response: HTTPResponse, status: int) -> None:
        content = response.read()
        if response.status != status:
            raise RuntimeError(response.status, content)
