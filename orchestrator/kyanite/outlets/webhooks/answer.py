"""What an endpoint's answer is worth: how it begins, as text that is fit for a log, and when to come again."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from kyanite.logs import HIDDEN, SECRET_LENGTH_MIN

EXCERPT_LENGTH_MAX = 1_000
RETRY_MAX_S = 86_400.0
BUSY = frozenset({429, 502, 503, 504})
"""Statuses with which an endpoint may ask for a pause (Standard Webhooks 1.0.0, "Delivery success and failure")."""
_DIGITS_MAX = 9
_TEXT_BYTES_MAX = 4 * EXCERPT_LENGTH_MAX
_SPACES = frozenset(" \t\r\n")
_UNSHOWN = "\N{REPLACEMENT CHARACTER}"


def excerpt(body: bytes, *, secret: str = "") -> str:
    """Return the beginning of a body as text without control characters, and without this secret.

    An endpoint that does not know a path likes to repeat it, and the path may be what lets one in.
    """
    text = body[: _TEXT_BYTES_MAX + 4 * len(secret)].decode(errors="replace")
    if len(secret) >= SECRET_LENGTH_MIN:
        text = text.replace(secret, HIDDEN)
    return "".join(map(_shown, text[:EXCERPT_LENGTH_MAX]))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character in _SPACES else _UNSHOWN


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """Return how many seconds an endpoint wants to be left alone, at most a day; `None` where it does not say.

    `header` is seconds or a date (RFC 9110, section 10.2.3), `now_s` the time in seconds since 1970.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        wanted = float(text) if len(text) <= _DIGITS_MAX else RETRY_MAX_S
    else:
        wanted = _until(text) - now_s
    return min(wanted, RETRY_MAX_S) if wanted > 0 else None


def _until(text: str) -> float:
    """Return the time of a date, the beginning of all time for what is none."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
