"""What webhooks are signed with: secrets that both sides know, and pairs of keys of which the receiver has one.

Forms and lengths are those of Standard Webhooks 1.0.0, "Signature scheme".
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from datetime import datetime
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from kyanite.errors import ConfigError, InvalidRequest
from kyanite.logs import HIDDEN

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Kind: TypeAlias = Literal["v1", "v1a"]
"""The identifiers of the two schemes: HMAC-SHA256, and ed25519."""

KEY_BYTES_MIN, KEY_BYTES_MAX, KEY_BYTES = 24, 64, 32
SEED_BYTES = 32
SHARED, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
_BASE64 = re.compile(r"[A-Za-z0-9+/]{1,128}={0,2}", re.ASCII)


class PublicKey:
    """What the receiver of an ed25519 signature has: `whpk_` and the base64 of 32 bytes."""

    kind: Kind = "v1a"

    def __init__(self, raw: bytes) -> None:
        """Take the key's 32 bytes. Raises `ConfigError` where `cryptography` is missing."""
        ed25519 = _ed25519()
        self._key = ed25519.Ed25519PublicKey.from_public_bytes(raw)
        self.text = PUBLIC + _base64(raw)

    def __repr__(self) -> str:
        return f"PublicKey({self.text})"

    def verifies(self, content: bytes, signature: bytes) -> bool:
        """Return whether the signature, in base64, was made with the other key of the pair."""
        from cryptography.exceptions import InvalidSignature

        try:
            raw = _bytes(signature.decode("ascii"))
            self._key.verify(raw, content)
        except (ValueError, InvalidSignature):
            return False
        return _base64(raw).encode() == signature  # base64 has several spellings of the same bytes


class Secret:
    """What signs: `whsec_` and the base64 of 24 to 64 bytes, or `whsk_` and that of an ed25519 private key.

    It never shows itself; `text` is for whoever has to keep or hand it over. From `end_time` on it signs no more.
    """

    __slots__ = ("_key", "_signer", "end_time", "kind", "public_key")

    def __init__(self, kind: Kind, key: bytes, end_time: datetime | None = None) -> None:
        """Take the secret's bytes. Raises `ConfigError` where an ed25519 key lacks `cryptography`."""
        self.kind: Kind = kind
        self.end_time = end_time
        self._key = key
        self._signer: Ed25519PrivateKey | None = None
        self.public_key: PublicKey | None = None
        """What receivers are given: of an ed25519 key only."""
        if kind == "v1a":
            self._signer = _ed25519().Ed25519PrivateKey.from_private_bytes(key)
            self.public_key = PublicKey(self._signer.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"Secret({self.kind}, {HIDDEN})"

    @property
    def text(self) -> str:
        """The secret itself, in its standard form."""
        return (SHARED if self.kind == "v1" else PRIVATE) + _base64(self._key)

    def is_live(self, time_s: float) -> bool:
        """Return whether it signs at this time, in seconds since 1970."""
        return self.end_time is None or time_s < self.end_time.timestamp()

    def signature(self, content: bytes) -> bytes:
        """Return the signature of the content, in base64."""
        return b64encode(
            hmac.digest(self._key, content, "sha256") if self._signer is None else self._signer.sign(content)
        )

    def verifies(self, content: bytes, signature: bytes) -> bool:
        """Return whether the signature, in base64, was made with this secret. Takes the same time whatever differs."""
        if self.public_key is not None:
            return self.public_key.verifies(content, signature)
        return hmac.compare_digest(self.signature(content), signature)


def generate(kind: Kind = "v1") -> Secret:
    """Return a new secret of 32 random bytes. Raises `ConfigError` where an ed25519 key lacks `cryptography`."""
    return Secret(kind, token_bytes(KEY_BYTES if kind == "v1" else SEED_BYTES))


def parse(text: str, end_time: datetime | None = None) -> Secret:
    """Return the secret of this text.

    An ed25519 private key is its seed of 32 bytes, or the seed and the public key, as some libraries write it.
    Raises `InvalidRequest`, which does not repeat the text, and `ConfigError` where `cryptography` is missing.
    """
    if text.startswith(SHARED):
        key = _decoded(text.removeprefix(SHARED))
        if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
            raise InvalidRequest("secret", f"is {len(key)} bytes; {KEY_BYTES_MIN} to {KEY_BYTES_MAX} are allowed")
        return Secret("v1", key, end_time)
    if text.startswith(PRIVATE):
        key = _decoded(text.removeprefix(PRIVATE))
        seed, rest = key[:SEED_BYTES], key[SEED_BYTES:]
        if len(seed) != SEED_BYTES or len(rest) not in {0, SEED_BYTES}:
            raise InvalidRequest("secret", f"is {len(key)} bytes; an ed25519 private key has 32, or 64 with its public")
        made = Secret("v1a", seed, end_time)
        if rest and (made.public_key is None or made.public_key.text != PUBLIC + _base64(rest)):
            raise InvalidRequest("secret", "holds a public key that is not that of the private one")
        return made
    raise InvalidRequest("secret", "must begin with whsec_, or with whsk_ for an ed25519 private key")


def parse_key(text: str) -> Secret | PublicKey:
    """Return what verifies: the secret of this text, or the public key (`whpk_`). Raises as `parse` does."""
    if not text.startswith(PUBLIC):
        return parse(text)
    raw = _decoded(text.removeprefix(PUBLIC))
    if len(raw) != SEED_BYTES:
        raise InvalidRequest("secret", f"is {len(raw)} bytes; an ed25519 public key has {SEED_BYTES}")
    return PublicKey(raw)


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise ConfigError("ed25519 needs the package cryptography: pip install 'kyanite[webhooks]'") from None
    return ed25519


def _decoded(text: str) -> bytes:
    try:
        return _bytes(text)
    except ValueError:
        raise InvalidRequest("secret", "must be base64 behind its prefix") from None


def _bytes(text: str) -> bytes:
    """Read base64, with its padding or without. Raises `ValueError`."""
    if not _BASE64.fullmatch(text):
        raise ValueError("not base64")
    bare = text.rstrip("=")
    return b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
