"""Providers that are installed: found by the entry-point group `kyanite.providers`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from kyanite.errors import ConfigError
from kyanite.logs import logger
from kyanite.ports import Provider

GROUP = "kyanite.providers"


def providers(options: Mapping[str, Mapping[str, Any]]) -> list[Provider]:
    """Make every installed provider, each with its own options as keyword arguments.

    One that can not be imported is left out with a log line, and its jobs stay as they are; options that nobody takes
    are a `ConfigError`.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    unknown = sorted(set(options) - set(found))
    if unknown:
        raise ConfigError(f"providers.{unknown[0]} is not installed; there are: {', '.join(sorted(found)) or 'none'}")
    made = []
    for name, point in sorted(found.items()):
        try:
            factory = point.load()
        except Exception as error:  # noqa: BLE001  # somebody else's code must not take the workspace along
            logger().warning("provider not loaded", provider=name, error=repr(error))
            continue
        try:
            made.append(factory(**options.get(name, {})))
        except TypeError as error:
            raise ConfigError(f"providers.{name}: {error}") from error
    return made
