"""Providers that are installed: found by the entry-point group `kyanite.providers`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

import msgspec

from kyanite.config.secrecy import revealed
from kyanite.errors import ConfigError
from kyanite.logs import keep_secret, logger, without_secrets
from kyanite.ports import Provider

GROUP = "kyanite.providers"


def providers(options: Mapping[str, Mapping[str, Any]]) -> list[Provider]:
    """Make every installed provider, each with its own options as keyword arguments.

    Options are checked against the names and annotations of the provider's parameters, and secrets are read here. One
    that can not be imported is left out with a log line, and its jobs stay as they are; options that nobody takes are
    a `ConfigError`.
    """
    # Imported here: reading a workspace needs no provider, and this takes as long as a tenth of `import kyanite`.
    from importlib.metadata import entry_points

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
        made.append(_made(name, factory, options.get(name, {})))
    return made


def _made(name: str, factory: Callable[..., Provider], options: Mapping[str, Any]) -> Provider:
    given, secrets = revealed(name, options)
    for secret in secrets:
        keep_secret(secret)
    checked = _checked(name, factory, given) if given else {}
    try:
        return factory(**checked)
    except ConfigError:
        raise
    except (TypeError, ValueError) as error:
        message = str(error)
        told = without_secrets(message)
        raise ConfigError(f"providers.{name}: {told}") from (error if told == message else None)


def _checked(name: str, factory: Callable[..., Provider], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as the parameters of the factory want them; what msgspec can not check is left as it is."""
    from inspect import Parameter, isclass, signature

    from kyanite.config.notation import dotted
    from kyanite.config.schema import converted, refusal, suggestion

    parameters = signature(factory).parameters
    taken = {key for key, parameter in parameters.items() if parameter.kind is not Parameter.VAR_KEYWORD}
    hints = _hints(factory.__init__ if isclass(factory) else factory)
    checked: dict[str, Any] = {}
    for key, value in options.items():
        parts = ("providers", name, key)
        if key not in taken and len(taken) == len(parameters):
            raise ConfigError(f"{dotted(parts)} is not an option of the provider{suggestion(key, taken)}")
        try:
            checked[key] = converted(value, hints.get(key, Any))
        except msgspec.ValidationError:
            raise ConfigError(f"{dotted(parts)} {refusal(parts, hints[key], value)}") from None
        except TypeError:
            checked[key] = value
    return checked


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of parameters, none where a name in them can not be found at run time."""
    try:
        return get_type_hints(function, include_extras=True)
    except NameError:
        return {}
