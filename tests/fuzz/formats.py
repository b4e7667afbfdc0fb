"""Every format that is read: how a valid input is changed, what reads it, and which error is documented."""

import re
from collections.abc import Callable
from functools import partial
from random import Random
from typing import NamedTuple

import click
import msgspec

from kyanite.blobs.keys import SCHEME, uri_of
from kyanite.errors import (
    BlobCorrupt,
    ConfigError,
    InfrastructureError,
    InvalidRequest,
    KyaniteError,
    PreconditionFailed,
    ProviderError,
    StoreCorrupt,
)
from kyanite.http.gateway.faults import Fault
from kyanite.http.gateway.signing import Refused
from kyanite_providers.local import frames
from tests.fuzz import changes, corpora, native_corpora, native_readers, readers, wire_corpora, wire_readers

MESSAGE_MAX = 2_000


class Format(NamedTuple):
    """`change` makes an input, `read` reads one, and what it raises is `documented`; `share` is of the budget."""

    change: Callable[[Random], bytes]
    read: Callable[[bytes], object]
    documented: tuple[type[Exception], ...]
    share: int


def complaint(kind: Format, error: BaseException) -> str | None:
    """Say what is wrong with an error: nothing, if it is one that callers were told of."""
    if not isinstance(error, kind.documented):
        return f"{type(error).__name__} is not documented"
    if isinstance(error, ProviderError) and not re.match(r"AZQ10[2-57]: ", error.error.message):
        return f"the message {error.error.message[:80]!r} has no code"
    if isinstance(error, KyaniteError) and len(str(error)) > MESSAGE_MAX:
        return f"the message has {len(str(error)):,} characters"
    return None


def _encoded(samples, encode=msgspec.json.encode):
    return tuple(map(encode, samples))


_PROVIDER = (ProviderError,)
_PROBLEMS = _encoded(corpora.PROBLEMS)
_REQUESTS, _REPLIES = (_encoded(each, msgspec.msgpack.encode) for each in (corpora.REQUESTS, corpora.REPLIES))
_ESCAPED = tuple(uri_of(key).removeprefix(SCHEME) for key in corpora.KEYS)

FORMATS = {
    "qio": Format(partial(changes.of_json_or_gzip, _PROBLEMS), readers.read_qio, _PROVIDER, 30),
    "qio-pieces": Format(partial(changes.of_cut, _PROBLEMS), readers.read_long_qio, _PROVIDER, 10),
    "qio-protobuf": Format(partial(changes.of_tar, corpora.MESSAGES), readers.read_qio, _PROVIDER, 10),
    "parameters": Format(
        partial(changes.of_value, _encoded(corpora.PARAMETERS)),
        readers.read_parameters,
        (ProviderError, InvalidRequest),
        10,
    ),
    "optimization": Format(
        partial(changes.of_json_or_gzip, _PROBLEMS),
        readers.read_problem,
        (ValueError, KeyError, RuntimeError, TypeError),
        10,
    ),
    "toml": Format(changes.of_toml, readers.read_toml, (ConfigError,), 5),
    "environment": Format(partial(changes.of_texts, corpora.ENVIRONMENTS), readers.read_environment, (ConfigError,), 5),
    "events": Format(partial(changes.of_json, _encoded(corpora.EVENTS)), readers.read_event, (StoreCorrupt,), 8),
    "rows": Format(partial(changes.of_json, _encoded([corpora.DETAILS])), readers.read_row, (StoreCorrupt,), 4),
    "requests": Format(
        partial(changes.of_msgpack, _REQUESTS), partial(readers.read_frame, frames.read_request), (ValueError,), 4
    ),
    "replies": Format(
        partial(changes.of_msgpack, _REPLIES), partial(readers.read_frame, frames.read_reply), (ValueError,), 6
    ),
    "results": Format(partial(changes.of_typed, _encoded(corpora.RESULTS)), readers.read_results, (BlobCorrupt,), 6),
    "arguments": Format(partial(changes.of_texts, corpora.ARGUMENTS), readers.read_arguments, (click.BadParameter,), 3),
    "moments": Format(
        partial(changes.mostly, changes.of_text, corpora.MOMENTS), readers.read_moment, (click.BadParameter,), 2
    ),
    "uris": Format(partial(changes.of_text, _ESCAPED), readers.read_uri, (InvalidRequest,), 3),
    "envelopes": Format(
        partial(changes.of_value, _encoded(corpora.ENVELOPES)), readers.read_envelope, (InvalidRequest,), 4
    ),
    "filters": Format(partial(changes.of_texts, wire_corpora.FILTERS), wire_readers.read_filter, (InvalidRequest,), 5),
    "pages": Format(partial(changes.of_texts, wire_corpora.PAGES), wire_readers.read_page, (InvalidRequest,), 3),
    "bodies": Format(
        partial(changes.of_json, _encoded(wire_corpora.BODIES)), wire_readers.read_body, (InvalidRequest,), 5
    ),
    "patches": Format(
        partial(changes.of_json, _encoded(wire_corpora.PATCHES)), wire_readers.read_patch, (InvalidRequest,), 3
    ),
    "addresses": Format(
        partial(changes.mostly, changes.of_text, wire_corpora.ADDRESSES),
        wire_readers.read_address,
        (PermissionError,),
        4,
    ),
    "hosts": Format(
        partial(changes.mostly, changes.of_text, wire_corpora.HOSTS), wire_readers.read_host, (PermissionError,), 2
    ),
    "ranges": Format(partial(changes.of_texts, wire_corpora.RANGES), wire_readers.read_range, (Fault,), 3),
    "block lists": Format(
        partial(changes.mostly, changes.of_text, wire_corpora.BLOCK_LISTS), wire_readers.read_block_list, (Fault,), 4
    ),
    "signatures": Format(
        partial(changes.mostly, changes.of_texts, wire_corpora.QUERIES), wire_readers.read_query, (Refused,), 3
    ),
    "key files": Format(
        partial(changes.mostly, changes.of_json, _encoded(wire_corpora.KEY_FILES)),
        wire_readers.read_key_file,
        (ConfigError,),
        3,
    ),
    "credentials": Format(
        partial(changes.mostly, changes.of_texts, wire_corpora.CREDENTIALS),
        wire_readers.read_credentials,
        (PermissionError,),
        3,
    ),
    "native bodies": Format(
        partial(changes.of_json, _encoded(native_corpora.BODIES)), native_readers.read_body, (InvalidRequest,), 8
    ),
    "native queries": Format(
        partial(changes.of_text, native_corpora.QUERIES), native_readers.read_query, (InvalidRequest,), 6
    ),
    "native cursors": Format(
        partial(changes.mostly, changes.of_text, native_corpora.CURSORS),
        native_readers.read_cursor,
        (InvalidRequest,),
        2,
    ),
    "positions": Format(
        partial(changes.of_text, native_corpora.POSITIONS), native_readers.read_position, (InvalidRequest,), 2
    ),
    "traces": Format(
        partial(changes.mostly, changes.of_text, native_corpora.TRACES),
        native_readers.read_trace,
        (PermissionError,),
        2,
    ),
    "conditions": Format(
        partial(changes.of_texts, native_corpora.CONDITIONS),
        native_readers.read_conditions,
        (InvalidRequest, PreconditionFailed),
        3,
    ),
    "event streams": Format(
        partial(changes.of_frames, native_corpora.FRAMES), native_readers.read_frames, (InfrastructureError,), 8
    ),
    "problems": Format(
        partial(changes.of_json, _encoded(native_corpora.PROBLEMS)),
        native_readers.read_problem,
        (InfrastructureError,),
        4,
    ),
    "answers": Format(
        partial(changes.of_json, _encoded(native_corpora.ANSWERS)),
        native_readers.read_answer,
        (InfrastructureError,),
        5,
    ),
    "doors": Format(
        partial(changes.mostly, changes.of_json, _encoded(native_corpora.DOORS)),
        native_readers.read_door,
        (PermissionError,),
        2,
    ),
    "notified": Format(
        partial(changes.of_texts, native_corpora.NOTIFIED), native_readers.read_notified, (PermissionError,), 2
    ),
    "endpoints": Format(
        partial(changes.of_text, native_corpora.ENDPOINTS), native_readers.read_endpoint, (ConfigError,), 2
    ),
}


def made(name: str, seed: int, number: int) -> bytes:
    """Return the input of this number: the same one always."""
    return FORMATS[name].change(Random(f"{name} {seed} {number}"))
