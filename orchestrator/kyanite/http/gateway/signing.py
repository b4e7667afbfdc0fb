"""Links that expire, open one container or one blob for a few kinds of request, and can not be made elsewhere.

The query has the shape of a shared access signature of Azure's blob service, `sv=..&sr=..&sp=..&se=..&sig=..`, which
the clients carry from a container's URL to those of its blobs; they look at `se` and at nothing else. What is signed is
ours: HMAC-SHA256 over workspace, version, kind, resource, permissions and expiry.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl

from kyanite.errors import CallerError
from kyanite.private_file import kept_secret

KEY_FILE = "gateway.key"
VERSION = "2026-10-06"
PERMISSIONS = "racwdl"
"""Read, add, create, write, delete, list: what `sp` may hold."""

_CONTAINER, _BLOB = "c", "b"
_EXPIRY = "%Y-%m-%dT%H:%M:%SZ"
_SIGNED = ("sv", "sr", "sp", "se", "sig")
_FIELDS_MAX = 64


class Refused(CallerError):
    """The link does not allow this."""

    def __init__(self, reason: str, code: str = "AuthenticationFailed") -> None:
        """Say why, in words that give no part of a signature away; `code` is the blob service's."""
        self.code = code
        super().__init__(reason)


@dataclass(frozen=True)
class Grant:
    """What a good link allows: on a container and all in it, or on one blob; and until when."""

    container: str
    blob: str | None
    permissions: str
    expires: datetime


class Signer:
    """Makes and checks the queries of links. Whoever has the same secret makes and accepts the same links."""

    def __init__(self, secret: bytes) -> None:
        """Sign with this secret, of at least 32 random bytes."""
        self._secret = secret

    def __repr__(self) -> str:
        return "<Signer>"

    def secret_for(self, purpose: str) -> bytes:
        """Return a secret for another purpose than links, from which theirs can not be told: 32 bytes."""
        return hmac.digest(self._secret, purpose.encode(), "sha256")  # links sign lists, and this is none

    def sign(self, path: str, *, permissions: str, expires: datetime, container: bool, workspace: str = "") -> str:
        """Return the query that opens `container` or `container/blob`, as they are called, not as a URL spells them.

        With `container`, the first part of the path alone counts. `permissions` are letters of `PERMISSIONS`;
        `expires` is aware, and is cut to whole seconds.
        """
        kind = _CONTAINER if container else _BLOB
        until = expires.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        allowed = "".join(letter for letter in PERMISSIONS if letter in permissions)
        signature = self._signature(workspace, VERSION, kind, _resource(path, kind), allowed, until)
        # Nothing in it needs quoting, and three of these are made for every job that somebody asks for.
        return f"sv={VERSION}&sr={kind}&sp={allowed}&se={until}&sig={signature}"

    def check(self, path: str, query: str, *, now: datetime, permission: str, workspace: str = "") -> Grant:
        """Return what the query, as text, grants on `container` or `container/blob`.

        One of the letters in `permission` must be granted. Raises `Refused`.
        """
        version, kind, permissions, until, signature = _fields(query)
        expected = self._signature(workspace, version, kind, _resource(path, kind), permissions, until)
        if not hmac.compare_digest(signature.encode(errors="replace"), expected.encode()):
            raise Refused("the signature is not one for this address")
        container, _, blob = path.partition("/")
        expires = datetime.strptime(until, _EXPIRY).replace(tzinfo=UTC)  # we wrote it: the signature is ours
        if expires <= now:
            raise Refused(f"the link expired at {until}")
        if not set(permission) & set(permissions):
            asked = " or ".join(permission)
            raise Refused(
                f"this takes the permission {asked}; the link grants {permissions or 'none'}",
                "AuthorizationPermissionMismatch",
            )
        return Grant(container, blob if kind == _BLOB else None, permissions, expires)

    def _signature(self, *fields: str) -> str:
        # As JSON, so that no two lists of fields are one text.
        digest = hmac.new(self._secret, json.dumps(fields).encode(), hashlib.sha256).digest()
        return urlsafe_b64encode(digest).decode().rstrip("=")


def signer_in(folder: Path) -> Signer:
    """Return the signer of a data folder, whose secret is made once and kept: links outlive a restart.

    Raises `OSError`.
    """
    return Signer(kept_secret(folder / KEY_FILE))


def _resource(path: str, kind: str) -> str:
    return path.partition("/")[0] if kind == _CONTAINER else path


def _fields(query: str) -> list[str]:
    """Return what is signed, and the signature. Raises `Refused`."""
    try:
        given = parse_qsl(query, keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise Refused("the query has too many fields") from None
    values = [[value for name, value in given if name == wanted] for wanted in _SIGNED]
    if any(len(value) > 1 for value in values):
        raise Refused("a field of the signature is given twice")
    if not all(values):
        raise Refused("the address is not signed: use the whole link, up to its end")
    return [value[0] for value in values]
