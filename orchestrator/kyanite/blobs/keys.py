"""Which keys are allowed, where a key's file lies, and how a key is written as a URI. The one place that decides.

A key is `<workspace>/<container>/<name>`, the name with further parts if it likes. What one file system, URI or shell
would read differently from another is refused, never rewritten: a key comes back exactly as it was given.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote

from kyanite.errors import InvalidRequest

KEY_BYTES_MAX = 1024
PART_BYTES_MAX = 255
PARTS_MIN = 3
OBJECTS = "objects"
SCHEME = "kyanite:///"
URI_LENGTH_MAX = len(SCHEME) + 3 * KEY_BYTES_MAX

# Nearly all keys are of this form, and need no closer look.
_PLAIN = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?:/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*){2,}")
_DRIVE = re.compile(r"[A-Za-z]:")
_UNSEEN = {"Cc": "a control character", "Cs": "half a surrogate pair", "Zl": "a line break", "Zp": "a line break"}
# All characters of these categories; Unicode adds none to them any more.
_UNSEEN_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def safe_key(key: str) -> str:
    """Return the key itself if it is allowed. Raises `InvalidRequest` naming what is wrong with it."""
    if not isinstance(key, str):
        raise InvalidRequest("key", f"must be text: {key!r:.200}")
    if not _is_plain(key) and (problem := _problem(key)):
        raise InvalidRequest("key", f"{problem}: {key[:KEY_BYTES_MAX]!r:.200}")
    return key


def is_safe(key: str) -> bool:
    """Say whether the key is allowed."""
    return _is_plain(key) or _problem(key) is None


def file_path(root: Path, key: str) -> Path:
    """Return the file that holds a large object: one key, one path, and none outside `root`.

    Keys with equally many parts share a tree, so that no key's file stands where another key needs a folder.
    """
    parts = safe_key(key).split("/")
    return root.joinpath(OBJECTS, str(len(parts)), *parts)


def uri_of(key: str) -> str:
    """Return `kyanite:///<key>`, percent-encoded where a URI needs it."""
    return SCHEME + (key if _is_plain(key) else quote(safe_key(key), safe="/"))


def key_of(uri: str) -> str:
    """Return the key that `uri_of` made this URI of. Raises `InvalidRequest` for any other spelling."""
    if not uri.startswith(SCHEME) or len(uri) > URI_LENGTH_MAX:
        problem = f"must start with {SCHEME}, and not be longer than {URI_LENGTH_MAX} characters"
        # What stands behind the first colon or question mark of another address may be a password or a signature.
        raise InvalidRequest("uri", f"{problem}: {re.split('[:?]', uri[:KEY_BYTES_MAX])[0]!r:.200}")
    plain = uri[len(SCHEME) :]
    if _is_plain(plain):
        return plain
    try:
        key = safe_key(unquote(uri.removeprefix(SCHEME), errors="strict"))
    except UnicodeDecodeError:
        raise InvalidRequest("uri", f"must be encoded as UTF-8: {uri!r:.200}") from None
    if uri_of(key) != uri:
        raise InvalidRequest("uri", f"must be spelt {uri_of(key)!r:.200}")
    return key


def _is_plain(key: str) -> bool:
    return len(key) <= PART_BYTES_MAX and _matches(key)


@lru_cache(maxsize=4_096)  # a key in use is looked at several times in a row
def _matches(key: str) -> bool:
    return _PLAIN.fullmatch(key) is not None


def _problem(key: str) -> str | None:
    if unseen := _UNSEEN_CHARACTER.search(key, 0, KEY_BYTES_MAX):  # a key that goes on is refused for that
        return f"must not contain {_UNSEEN[unicodedata.category(unseen[0])]}"
    if "\\" in key:
        return "must not contain a backslash"
    if len(key) > KEY_BYTES_MAX or len(key.encode()) > KEY_BYTES_MAX:
        return f"must not be longer than {KEY_BYTES_MAX} bytes"
    if not unicodedata.is_normalized("NFC", key):
        return "must be in Unicode normal form C"
    parts = key.split("/")
    if len(parts) < PARTS_MIN:
        return "must be <workspace>/<container>/<name>"
    return next((problem for part in parts if (problem := _problem_of_part(part))), None)


def _problem_of_part(part: str) -> str | None:
    if not part:
        return "must not have an empty part"
    if part in {".", ".."}:
        return f"must not have a part {part!r}"
    if part.endswith((".", " ")):
        return "must not have a part that ends in a dot or a space"
    if _DRIVE.match(part):
        return "must not have a part that looks like a drive"
    if len(part.encode()) > PART_BYTES_MAX:
        return f"must not have a part longer than {PART_BYTES_MAX} bytes"
    return None
