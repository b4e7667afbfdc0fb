"""Where a daemon is, as its users write it."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from kyanite.errors import ConfigError

ENDPOINT = "KYANITE_ENDPOINT"
API_KEY = "KYANITE_API_KEY"
NO_ADDRESS = "an endpoint is like http://127.0.0.1:8473 or https://jobs.example.org"
"""What was given instead is not repeated: a password may stand anywhere in it."""


def endpoint_of(url: str | None = None) -> str:
    """Return the address of a daemon, such as `http://127.0.0.1:8473`; by default that in KYANITE_ENDPOINT.

    Raises `ConfigError` for what is no such address, and for one with a password in it: keys are not part of it.
    """
    given = os.environ.get(ENDPOINT) if url is None else url
    if not given:
        raise ConfigError(f"there is no endpoint: give the daemon's address, or set {ENDPOINT}")
    text = given.strip()
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(NO_ADDRESS) from None
    if not text.isprintable() or " " in text:
        raise ConfigError(NO_ADDRESS)
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(NO_ADDRESS)
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigError("an endpoint is an address alone: no user, no password, nothing behind ? or #")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def key_of_environment() -> str | None:
    """Return the key in KYANITE_API_KEY, if there is one."""
    return os.environ.get(API_KEY) or None
