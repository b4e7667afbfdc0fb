"""The addresses at which services elsewhere tell that they have news of a job: one for each, which nobody can guess.

Its last part is a token: an HMAC-SHA256 over workspace and id, with these two behind it so that the job can be found.
Nothing of it is stored. Whoever has the same secret makes and accepts the same tokens, so that one which a service was
given hours ago is good after any number of restarts, and for as long as the job has not ended.
"""

from __future__ import annotations

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cache
from pathlib import Path

from kyanite.config import ServerSettings
from kyanite.http.access import is_loopback
from kyanite.http.gateway.signing import Signer, signer_in
from kyanite.runtime.callbacks import Locate
from kyanite.runtime.records import Address

PATH = "/v1/callbacks/"
PREFIX = "kyc_"
"""By which `kyanite.logs` knows what to hide."""
_TAG_BYTES = 32
_PURPOSE = "callbacks"


class Tokens:
    """Makes and checks tokens."""

    def __init__(self, signer: Signer) -> None:
        """Use a secret of the signer's that is good for nothing else."""
        self._secret = signer.secret_for(_PURPOSE)

    def __repr__(self) -> str:
        return "<Tokens>"

    def of(self, address: Address) -> str:
        """Return the token of a job."""
        return self._token(json.dumps(address, separators=(",", ":")).encode())  # no two addresses are one text

    def address_of(self, token: str) -> Address | None:
        """Return the job that a token is of; `None` for any text but the very one that `of` returns.

        Which of its characters is wrong can not be told from the time that this takes.
        """
        named = _decoded(token)[_TAG_BYTES:]
        if not hmac.compare_digest(self._token(named).encode(), token.encode(errors="replace")):
            return None
        workspace, job_id = json.loads(named)  # we wrote it: the tag is ours
        return workspace, job_id

    def _token(self, named: bytes) -> str:
        tag = hmac.digest(self._secret, named, "sha256")
        return PREFIX + urlsafe_b64encode(tag + named).decode().rstrip("=")


def locate(folder: Path, server: ServerSettings, listening: str) -> Locate | None:
    """Return what makes the URL of a job; `None` where only this machine could reach it, for want of a public address.

    The secret in the folder is read when the first is made: by then the folder is this process's own.
    """
    public = server.public_url or ("" if is_loopback(_host(listening)) else listening)
    if not public:
        return None

    @cache
    def tokens() -> Tokens:
        return Tokens(signer_in(folder))

    return lambda address: f"{public}{PATH}{tokens().of(address)}"


def _host(url: str) -> str:
    return url.partition("://")[2].rpartition(":")[0]


def _decoded(token: str) -> bytes:
    """Return the bytes that a token may stand for; none, where it is no token of anything."""
    text = token.removeprefix(PREFIX)
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
