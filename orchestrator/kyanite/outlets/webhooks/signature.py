"""The three headers of a signed webhook, and how a receiver tells that they and the body are genuine.

Source: Standard Webhooks 1.0.0, "Signature scheme" and "Webhook headers".
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence

from kyanite.errors import CallerError, ConfigError
from kyanite.outlets.webhooks.secret import PublicKey, Secret, parse_key

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
SIGNATURES_MAX = 16
"""More than that in one message are not looked at."""
_NO_DOT = re.compile(r"[!-\-/-~]{1,256}")
_SECONDS = re.compile(r"[0-9]{1,12}")


class Unverified(CallerError):
    """The webhook is not known to be genuine."""


def headers(message_id: str, timestamp_s: float, body: bytes, secrets: Sequence[Secret]) -> dict[str, str]:
    """Return the headers of an attempt made at this time: with a signature by each secret that is live then.

    Raises `ConfigError` where none is, and `ValueError` for an id with a full stop, which would make what is signed
    ambiguous.
    """
    if not _NO_DOT.fullmatch(message_id):
        raise ValueError("a message's id is 1 to 256 visible ASCII characters without a full stop")
    content = _content(message_id, seconds := str(int(timestamp_s)), body)
    signatures = [f"{one.kind},{one.signature(content).decode()}" for one in secrets if one.is_live(timestamp_s)]
    if not signatures:
        raise ConfigError("the webhook has no secret that is live")
    return {ID: message_id, TIMESTAMP: seconds, SIGNATURE: " ".join(signatures)}


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Iterable[str | Secret | PublicKey],
    now_s: float | None = None,
    tolerance_s: float = 300.0,
) -> str:
    """Return the id of a message that one of the secrets has signed, as a receiver does.

    The id is the same when a message is repeated. `body` is what was received, byte for byte; a secret is `whsec_...`,
    `whpk_...` or `whsk_...`. Raises `Unverified` where headers are missing, the message was signed more than
    `tolerance_s` before or after `now_s` (by default, the present), or no signature is right; `InvalidRequest` and
    `ConfigError` for what is no secret, as `secret.parse_key` does.
    """
    message_id, timestamp, signatures = (_only(headers, name) for name in (ID, TIMESTAMP, SIGNATURE))
    if not _NO_DOT.fullmatch(message_id) or not _SECONDS.fullmatch(timestamp):
        raise Unverified("its id or its time is not of the right form")
    late_s = (time.time() if now_s is None else now_s) - int(timestamp)
    if abs(late_s) > tolerance_s:
        raise Unverified(f"it was signed too {'long ago' if late_s > 0 else 'far ahead of time'}")
    keys = [parse_key(one) if isinstance(one, str) else one for one in secrets]
    content = _content(message_id, timestamp, body)
    for entry in signatures.split(" ")[:SIGNATURES_MAX]:
        kind, _, signature = entry.partition(",")
        if any(key.kind == kind and key.verifies(content, signature.encode(errors="backslashreplace")) for key in keys):
            return message_id
    raise Unverified("no signature is by a secret that is known")


def _only(headers: Mapping[str, str], wanted: str) -> str:
    found = [value for name, value in headers.items() if name.lower() == wanted]
    if len(found) != 1:
        raise Unverified(f"it has {len(found) or 'no'} headers {wanted}")
    return found[0]


def _content(message_id: str, timestamp: str, body: bytes) -> bytes:
    return b"%b.%b.%b" % (message_id.encode(), timestamp.encode(), body)
