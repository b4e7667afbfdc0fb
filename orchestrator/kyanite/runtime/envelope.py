"""What users submit and providers tell must look like, checked before it is stored: every error names its field."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from kyanite.errors import InvalidRequest

NAME_LENGTH_MAX = 512
TAGS_MAX = 64
TAG_LENGTH_MAX = 256
PARAMS_BYTES_MAX = 1 << 20
METADATA_BYTES_MAX = 1 << 16
HANDLE_BYTES_MAX = 1 << 16
PROPERTIES_BYTES_MAX = 1 << 16
PROGRESS_BYTES_MAX = 1 << 12
DEPTH_MAX = 100
PRIORITY_MAX = 1_000
ATTEMPTS_MAX = 100
TIMEOUT_MAX_S = 366 * 86_400.0

_UNFIT = re.compile("[\x00-\x1f\ud800-\udfff]")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


def checked_job_id(value: object) -> str:
    """Return a job id that is also fit to be part of a blob's name."""
    return checked_id("job_id", value)


def checked_id(field: str, value: object) -> str:
    """Return an id that is also fit to be part of a blob's name, or of an address."""
    if not isinstance(value, str) or not _ID.fullmatch(value) or ".." in value or value.endswith("."):
        raise InvalidRequest(field, "is 1 to 128 letters, digits, '-', '_' and single '.', starting with the former")
    return value


D = TypeVar("D", str, str | None)


def text_or(default: D, field: str, value: object) -> str | D:
    """Return short text as `checked_text` does, or the default where none was given."""
    return default if value is None else checked_text(field, value, NAME_LENGTH_MAX)


def checked_text(field: str, value: object, length_max: int) -> str:
    """Return text that is not empty, not too long, and fit to be stored."""
    if not isinstance(value, str) or not value:
        raise InvalidRequest(field, "must be text that is not empty")
    if len(value) > length_max:
        raise InvalidRequest(field, f"has {len(value):,} characters; at most {length_max:,} are allowed")
    if _UNFIT.search(value):
        raise InvalidRequest(field, "contains control characters or lone surrogates")
    return value


def spelt_otherwise(value: object, provider_id: str) -> str | None:
    """Return how a provider's id was spelt, `None` if it was not given or is spelt alike; case makes no difference."""
    if value is None or value == provider_id:
        return None
    text = checked_text("provider_id", value, NAME_LENGTH_MAX)
    if text.casefold() != provider_id.casefold():
        raise InvalidRequest("provider_id", f"is {text!r}, and the target's is {provider_id!r}")
    return text


def checked_tags(value: object) -> tuple[str, ...]:
    """Return tags without repetitions."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidRequest("tags", "must be a list of texts")
    if len(value) > TAGS_MAX:
        raise InvalidRequest("tags", f"has {len(value)} entries; at most {TAGS_MAX} are allowed")
    return tuple(dict.fromkeys(checked_text(f"tags[{at}]", tag, TAG_LENGTH_MAX) for at, tag in enumerate(value)))


def checked_json(field: str, value: object, bytes_max: int) -> Any:
    """Return a value as plain JSON types: what will be read back is what is kept now."""
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(field, f"can not be written as JSON: {error}") from error
    if len(encoded) > bytes_max:
        raise InvalidRequest(field, f"is {len(encoded):,} bytes of JSON; at most {bytes_max:,} are allowed")
    _refuse_unreadable(field, value)
    return msgspec.json.decode(encoded)


def checked_mapping(field: str, value: object, bytes_max: int) -> dict[str, Any]:
    """Return a JSON object; `None` is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidRequest(field, "must be a mapping")
    result = checked_json(field, value, bytes_max)
    assert isinstance(result, dict)  # noqa: S101  # a mapping is written as an object
    return result


def checked_priority(value: object) -> int:
    """Return a priority; higher goes first."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > PRIORITY_MAX:
        raise InvalidRequest("priority", f"must be an integer from {-PRIORITY_MAX} to {PRIORITY_MAX}")
    return value


def checked_attempts(value: object) -> int:
    """Return how many attempts a job has."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= ATTEMPTS_MAX:
        raise InvalidRequest("attempts_max", f"must be an integer from 1 to {ATTEMPTS_MAX}")
    return value


def checked_timeout(value: object) -> float | None:
    """Return the time limit of an attempt in seconds, or `None` for no limit."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= TIMEOUT_MAX_S:
        raise InvalidRequest("timeout_s", f"must be a number of seconds above 0, at most {TIMEOUT_MAX_S:,.0f}")
    return float(value)


def _refuse_unreadable(field: str, value: object, depth: int = 0) -> None:
    """Refuse what would not come back: numbers that msgspec writes as null, and more depth than every reader has."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidRequest(field, f"is {value}; a number must be finite")
    if depth > DEPTH_MAX:
        raise InvalidRequest(field.partition(".")[0].partition("[")[0], f"is nested more than {DEPTH_MAX} deep")
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_unreadable(f"{field}.{key}", item, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for at, item in enumerate(value):
            _refuse_unreadable(f"{field}[{at}]", item, depth + 1)
