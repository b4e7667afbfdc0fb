"""Secrets: which settings are some, where they may be written, and how they are read and kept out of sight.

A secret is named, never written: `{ env = "NAME" }` or `{ file = "/path" }`. What a reference stands for is read only
when a provider is made or a webhook begins, so that `Settings` hold no secret, and nothing that prints them tells one.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from kyanite.errors import ConfigError
from kyanite.logs import HIDDEN, SECRET_WORDS, logger

Parts = tuple[str, ...]
Visit = Callable[[Parts, Any], Any]

NAMING = {"providers", "workspaces"}
"""Tables that hold a table for each name."""
ARRAYS = {"webhooks", "hooks"}
"""Arrays of tables, `[[hooks]]` in the file."""
FILE_BYTES_MAX = 65_536
_SECRET_WORDS = {word.replace("_", "") for word in SECRET_WORDS}
_ABOUT = {
    *("algorithm", "env", "header", "id", "name", "scope", "scopes", "type"),
    *("dir", "endpoint", "file", "path", "url"),
    *("bytes", "count", "limit", "max", "min", "ms", "s", "size", "ttl"),
}
"""What ends the name of something that is only about a secret: `tokens_max`, `token_url`, `api_key_header`."""
# Patterns are compiled at their first use: few programs come to need them.
_WORDS = r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+"
_CREDENTIALS_IN_URL = r"://[^/\s?#@]*:[^/\s@]+@"
_QUERY = r"[?&;]([\w.-]+)=[^&\s]"


def names_secret(name: str) -> bool:
    """Return whether the name of a setting says that its value is a secret.

    It does where it holds one of `kyanite.logs.SECRET_WORDS` as a whole word, or as several of them.
    """
    words = [word.lower() for word in re.findall(_WORDS, name)]
    if not words or words[-1] in _ABOUT:
        return False
    runs = [*words, *(first + second for first, second in pairwise(words))]
    return any(run in _SECRET_WORDS or run.removesuffix("s") in _SECRET_WORDS for run in runs)


def is_secret(parts: Parts) -> bool:
    """Return whether the setting of this path is a secret: by its own name, or by that of a table around it.

    The name of a provider or of a workspace says nothing about what is set for it.
    """
    return any(names_secret(part) for part in (parts[2:] if parts[0] in NAMING else parts))


def is_reference(value: object) -> bool:
    """Return whether the value is `{env = "NAME"}` or `{file = "/path"}`."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    ((kind, name),) = value.items()
    return kind in {"env", "file"} and isinstance(name, str) and bool(name)


def literals(parts: Parts, value: Any) -> list[Parts]:
    """Return the path of every secret that is written out instead of being named."""
    return [path for path, item in _items(parts, value) if _is_literal(path, item)]


def holds_secret(parts: Parts, value: Any) -> bool:
    """Return whether the value holds something that nobody may see."""
    return any(_is_hidden(path, item) for path, item in _items(parts, value))


def masked(parts: Parts, value: Any) -> Any:
    """Return the value with every secret hidden; references stay, for they tell none."""
    return _visited(parts, value, lambda path, item: HIDDEN if _is_hidden(path, item) else item)


def variables(parts: Parts, value: Any) -> set[str]:
    """Return the variables of the environment that references to secrets name."""
    secrets = [item for path, item in _items(parts, value) if is_secret(path) and is_reference(item)]
    return {item["env"] for item in secrets if "env" in item}


def told(parts: Parts, value: Any) -> Any:
    """Return a value as errors and listings may show it: of a webhook's URL, the path is as good as a secret."""
    if parts[0] == "webhooks" and parts[-1] == "url" and isinstance(value, str):
        return without_path(value)
    return value


def without_path(url: str) -> str:
    """Return the scheme and the host of a URL, and nothing of what is none or has a user in it."""
    found = re.match(r"[A-Za-z]+://[^/?#@\s\\]*(?![^/?#])", url)
    if found is None:
        return HIDDEN
    return url if url[found.end() :] in {"", "/"} else f"{found[0]}/..."


def secret_texts(path: str, references: Iterable[Mapping[Any, str]]) -> list[str]:
    """Return what references stand for; `path` is the setting that is a list of them, such as `webhooks.0.secrets`.

    Raises `ConfigError` naming the one whose variable or file is not there.
    """
    return [_read((*path.split("."), str(index)), reference) for index, reference in enumerate(references)]


def revealed(provider: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the options of a provider with its secrets in place of their references, and those secrets.

    Raises `ConfigError` naming the option whose variable or file is not there.
    """
    secrets: list[str] = []

    def read(path: Parts, item: Any) -> Any:
        if not (is_secret(path) and is_reference(item)):
            return item
        secrets.append(_read(path, item))
        return secrets[-1]

    return _visited(("providers", provider), options, read), secrets


def _visited(parts: Parts, value: Any, visit: Visit) -> Any:
    """Return a copy of the value, each leaf and each reference to a secret replaced by what `visit` returns."""
    if isinstance(value, Mapping) and not (is_secret(parts) and is_reference(value)):
        return {name: _visited((*parts, name), item, visit) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_visited((*parts, str(number)), item, visit) for number, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    return visit(parts, value)


def _items(parts: Parts, value: Any) -> list[tuple[Parts, Any]]:
    found: list[tuple[Parts, Any]] = []
    _visited(parts, value, lambda path, item: found.append((path, item)))
    return found


def _is_literal(parts: Parts, item: Any) -> bool:
    return is_secret(parts) and not is_reference(item) and not isinstance(item, bool)


def _is_hidden(parts: Parts, item: Any) -> bool:
    return _is_literal(parts, item) or (isinstance(item, str) and _tells_secret(item))


def _tells_secret(text: str) -> bool:
    """Return whether the text is a URL with a password or a signature in it."""
    signed = any(name == "sig" or names_secret(name) for name in re.findall(_QUERY, text))
    return signed or bool(re.search(_CREDENTIALS_IN_URL, text))


def _read(parts: Parts, reference: Mapping[Any, str]) -> str:
    ((kind, name),) = reference.items()
    return _from_environment(parts, name) if kind == "env" else _from_file(parts, name)


def _from_environment(parts: Parts, name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigError(f"{'.'.join(parts)}: the environment has no {name}, or it is empty")
    return value


def _from_file(parts: Parts, name: str) -> str:
    path, setting = Path(name).expanduser(), ".".join(parts)
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
            mode = os.fstat(file.fileno()).st_mode
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ConfigError(f"{setting}: {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{setting}: {path} is not text") from None
    if not text or len(content) > FILE_BYTES_MAX:
        raise ConfigError(f"{setting}: {path} is {'too long for a secret' if text else 'empty'}")
    if mode & stat.S_IROTH:
        logger().warning("file with a secret is readable by others", setting=setting, path=str(path))
    return text
