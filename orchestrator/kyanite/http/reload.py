"""What a daemon takes over from its configuration while it runs, at SIGHUP: the log level and the quotas.

All else counts from the next start on. A configuration that is not valid changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

from anyio import to_thread
from msgspec.structs import replace

from kyanite.config import Resolved, Settings
from kyanite.config.secrecy import ARRAYS
from kyanite.logs import logger

Reread: TypeAlias = Callable[[], Settings]
"""Reads the configuration once more, with the log level that is to count. Raises `ConfigError`."""

TAKEN_OVER = ("log.level", "quota.", "workspaces.")


async def reload_at(
    hangups: AsyncIterable[object],
    reloading: Callable[[], AbstractContextManager[None]],
    current: Settings,
    reread: Reread,
    requote: Callable[[Settings], object],
) -> None:
    """Take the configuration over at each of the signals, for ever; `requote` is given the new quotas.

    `reloading` is entered meanwhile.
    """
    async for _ in hangups:
        with reloading():
            current = await _reloaded(current, reread, requote)


async def _reloaded(current: Settings, reread: Reread, requote: Callable[[Settings], object]) -> Settings:
    """Return what counts from now on."""
    try:
        read = await to_thread.run_sync(reread)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with it, the daemon goes on as it was
        logger().error("the configuration is not taken over", error=str(error))
        return current
    changed = _changed(current, read)
    taken = replace(
        current, log=replace(current.log, level=read.log.level), quota=read.quota, workspaces=read.workspaces
    )
    requote(taken)
    _log_at(read.log.level, [line for path, line in changed if path.startswith(TAKEN_OVER)])
    later = [line for path, line in changed if not path.startswith(TAKEN_OVER)]
    if later:
        logger().warning("configured, but not before the next start", settings=later)
    return taken


def _log_at(level: str, changed: list[str]) -> None:
    """Change the level, and tell what has changed while the more talkative of both counts."""
    library = logging.getLogger("kyanite")
    before = library.level
    library.setLevel(min(before, getattr(logging, level)))
    logger().info("the configuration is taken over", changed=changed)
    library.setLevel(level)


def _changed(before: Settings, after: Settings) -> list[tuple[str, str]]:
    """Return path and change of every setting that differs, as they may be shown; secrets never seem to."""
    old, new = ({row.path: row.value for row in Resolved(each, {}).rows()} for each in (before, after))
    paths = [path for path in old | new if old.get(path) != new.get(path)]
    lines = [(path, f"{path}: {old.get(path, 'unset')} -> {new.get(path, 'unset')}") for path in paths]
    shown = {path.partition(".")[0] for path in paths}
    hidden = [name for name in sorted(ARRAYS - shown) if getattr(before, name) != getattr(after, name)]
    return lines + [(name, f"{name}: what is not shown of them") for name in hidden]
