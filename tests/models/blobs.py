"""What a blob store is, said as plainly as can be: a dictionary that refuses to overwrite."""

import hashlib
from dataclasses import dataclass, field

from kyanite.blobs.keys import is_safe
from kyanite.errors import BlobExists, BlobMissing, InvalidRequest, ReadOnly


@dataclass
class Label:
    """What is known of an object, less when it was made."""

    key: str
    size: int
    sha256: str
    content_type: str = "application/octet-stream"
    content_encoding: str | None = None
    metadata: dict = field(default_factory=dict)


def label_of(blob):
    """Return what a store says of an object, comparable with the model's."""
    if blob is None:
        return None
    return Label(blob.key, blob.size, blob.sha256, blob.content_type, blob.content_encoding, blob.metadata)


class BlobModel:
    """The port `BlobStore` without durability, speed or concurrency."""

    def __init__(self):
        self.objects = {}
        self.read_only = False

    def put(self, key, content, failure=None, **label):
        """Store what a stream yields, unless it ends in a failure."""
        self.check_writable()
        check_key(key)
        if failure is not None:
            raise failure
        if key in self.objects:
            raise BlobExists(key)
        self.objects[key] = (Label(key, len(content), hashlib.sha256(content).hexdigest(), **label), content)
        return self.objects[key][0]

    def stat(self, key):
        check_key(key)
        return self.objects[key][0] if key in self.objects else None

    def get(self, key):
        check_key(key)
        if key not in self.objects:
            raise BlobMissing(key)
        return self.objects[key][1]

    def read(self, key, start, end):
        content = self.get(key)
        if start < 0 or (end is not None and end < 0):
            raise InvalidRequest("range", "is negative")
        return content[start:end]

    def delete(self, keys):
        self.check_writable()
        for key in keys:
            check_key(key)
        for key in keys:
            self.objects.pop(key, None)

    def page(self, prefix, after, limit):
        if limit < 1:
            raise InvalidRequest("limit", "is not positive")
        keys = sorted(key for key in self.objects if key[: len(prefix)] == prefix and key > after)
        return [self.objects[key][0] for key in keys[:limit]]

    def check_writable(self):
        if self.read_only:
            raise ReadOnly


def check_key(key):
    """Raise for a key that is not allowed; which ones are is `safe_key`'s to say, and tested there."""
    if not is_safe(key):
        raise InvalidRequest("key", "is not safe")
