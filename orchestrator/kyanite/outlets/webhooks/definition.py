"""What a webhook is: where events go, which ones, and the secrets that they are signed with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace
from yarl import URL

from kyanite.config.kinds import Name
from kyanite.config.settings import FINAL_TYPES, EventType
from kyanite.core.events import EVENTS, Event
from kyanite.errors import CallerError
from kyanite.logs import HIDDEN

SECRETS_MAX = 2
"""A new secret, and the one before it while receivers are told the new one."""

Url = Annotated[str, Meta(min_length=1, max_length=2_048)]
Label = Annotated[str, Meta(min_length=1, max_length=512)]
Labels = Annotated[tuple[Label, ...], Meta(max_length=100)]
NamePrefix = Annotated[str, Meta(max_length=512)]
Payload = Literal["standard", "cloudevents"]
State = Literal["active", "paused", "disabled"]


class WebhookNotFound(CallerError, LookupError):
    """No such webhook."""


class WebhookExists(CallerError):
    """There is a webhook of this name already."""


class WebhookConfigured(CallerError):
    """The webhook stands in the configuration, and is changed there."""


class KeptSecret(Struct, frozen=True, omit_defaults=True):
    """The text of a secret, and when it ceases to sign, if it is to."""

    text: str
    end_time: datetime | None = None

    def lives(self, now: datetime) -> bool:
        """Tell whether it signs at this time."""
        return self.end_time is None or now < self.end_time

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("text", HIDDEN), ("end_time", self.end_time)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class Webhook(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where events are sent over HTTP: those of the types `on`, of jobs on one of `target`, with one of `tag`.

    The newest of `secrets` comes first. Only an `active` one is served; one is `disabled` when its receiver wants no
    more, or when its URL is not allowed, for this `reason`. Events wait for it meanwhile.
    """

    name: Name
    workspace: Name
    url: str
    secrets: tuple[KeptSecret, ...]
    on: tuple[EventType, ...] = FINAL_TYPES
    target: Labels = ()
    tag: Labels = ()
    name_prefix: NamePrefix = ""
    payload: Payload = "standard"
    state: State = "active"
    reason: str = ""
    source: Literal["config", "api"] = "api"
    creation_time: datetime | None = None
    """`None` for one of the configuration."""

    @property
    def subscriber(self) -> str:
        """The name of its subscription."""
        return subscriber(self.name)

    @property
    def types(self) -> tuple[type[Event], ...]:
        """The types of the events that it is for."""
        return tuple(kind for kind in EVENTS if kind.__name__ in self.on)

    @property
    def origin(self) -> str:
        """Scheme and host of the URL, for logs: the rest of it may hold a secret."""
        return origin_of(self.url)

    def rotated(self, text: str, now: datetime, life_s: float) -> Webhook:
        """Return it with a new secret; the one that was newest signs beside it for so long."""
        end_time = now + timedelta(seconds=life_s)
        before = [secret for secret in self.secrets if secret.lives(now)][: SECRETS_MAX - 1]
        ending = [replace(old, end_time=min(end_time, old.end_time or end_time)) for old in before if life_s > 0]
        return replace(self, secrets=(KeptSecret(text), *ending))

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        shown = {"url": self.origin}
        return [(name, shown.get(name, getattr(self, name))) for name in self.__struct_fields__]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


def subscriber(name: str) -> str:
    """Return the name of a webhook's subscription."""
    return f"webhook/{name}"


def origin_of(url: str) -> str:
    """Return scheme and host of a URL, or nothing for what is none."""
    try:
        return str(URL(url).origin())
    except ValueError:
        return ""
