"""The webhooks of a daemon or of a data folder, asked alike: what daemons do with the register is done here, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kyanite.cli.exits import Stop
from kyanite.cli.interrupts import run
from kyanite.cli.loglines import log_lines
from kyanite.cli.opening import caring, resolved, settings
from kyanite.cli.owner import way_to
from kyanite.cli.session import Session
from kyanite.outlets.webhooks.configured import configured
from kyanite.outlets.webhooks.definition import KeptSecret, Webhook, WebhookNotFound
from kyanite.outlets.webhooks.record import NewSecret, WebhookRecord, record_of, shown_once
from kyanite.outlets.webhooks.register import Register
from kyanite.outlets.webhooks.secret import Kind, generate, parse
from kyanite.runtime.envelope import checked_id

if TYPE_CHECKING:
    from kyanite.client.care import Care
    from kyanite.config import Settings
    from kyanite.core.letters import Attempt

T = TypeVar("T")

KINDS: dict[str, Kind] = {"hmac": "v1", "ed25519": "v1a"}


class Asked(Protocol):
    """The webhooks of a workspace; see `kyanite.client.webhooks.Webhooks`."""

    async def all(self) -> list[WebhookRecord]:
        """Return all webhooks of the workspace, by name."""

    async def get(self, name: str) -> WebhookRecord:
        """Return one."""

    async def add(self, name: str, url: str, **fields: Any) -> NewSecret:
        """Add one."""

    async def change(self, name: str, **fields: Any) -> WebhookRecord:
        """Give one other values."""

    async def rotate(self, name: str) -> NewSecret:
        """Give one a new secret."""

    async def remove(self, name: str) -> None:
        """Remove one."""

    async def test(self, name: str) -> Attempt:
        """Have a message sent to it."""


def asking(session: Session, name: str, action: Callable[[Asked], Awaitable[T]]) -> T:
    """Run the action with the webhooks of a daemon, if one is named or has the folder open; else with the folder's.

    Raises `Stop` if there is no webhook of the name that it is about.
    """
    try:
        return _asking(session, action)
    except WebhookNotFound:
        there = session.again("webhook", "list")
        raise Stop(f"there is no webhook {name!r}; `{there}` shows those there are") from None


def _asking(session: Session, action: Callable[[Asked], Awaitable[T]]) -> T:
    way = way_to(session)
    if way is not None:
        from kyanite.client.webhooks import Webhooks

        async def there(care: Care) -> T:
            return await action(Webhooks(care.connection))

        return caring(session, way, there)

    async def here() -> T:
        return await action(Kept(settings(session)))

    session.daemon = None
    with log_lines(session, resolved(session)):
        return run(here, session)


class Kept:
    """The webhooks in a data folder that no daemon has open; whatever delivers next finds them as they are left."""

    def __init__(self, settings: Settings) -> None:
        """Read nothing yet. Raises `ConfigError` for webhooks of the configuration."""
        self._register = Register(settings.data_dir, settings.delivery, configured(settings))
        self._workspace = settings.workspace
        self._folder = settings.data_dir

    async def all(self) -> list[WebhookRecord]:
        """Return all webhooks of the workspace, by name."""
        return [record_of(webhook) for webhook in self._register.all(self._workspace)]

    async def get(self, name: str) -> WebhookRecord:
        """Return one. Raises `WebhookNotFound`."""
        return record_of(self._register.get(self._workspace, name))

    async def add(self, name: str, url: str, **fields: Any) -> NewSecret:
        """Add one. Raises `InvalidRequest`, `WebhookExists`."""
        given, kind = fields.pop("secret", None), fields.pop("kind", "v1")
        secret = generate(kind) if given is None else parse(given)
        webhook = Webhook(
            name=checked_id("name", name),
            workspace=self._workspace,
            url=url,
            secrets=(KeptSecret(secret.text),),
            creation_time=datetime.now(UTC),
            **fields,
        )
        return shown_once(self._register.add(webhook), secret)

    async def change(self, name: str, **fields: Any) -> WebhookRecord:
        """Give one other values. Raises `WebhookNotFound`, `WebhookConfigured`."""
        return record_of(self._register.change(self._workspace, name, **fields))

    async def rotate(self, name: str) -> NewSecret:
        """Give one a new secret. Raises `WebhookNotFound`, `WebhookConfigured`."""
        secret = generate(parse(self._register.get(self._workspace, name).secrets[0].text).kind)
        return shown_once(self._register.rotate(self._workspace, name, secret.text, datetime.now(UTC)), secret)

    async def remove(self, name: str) -> None:
        """Remove one; whatever delivers next lets go of what the store holds of it."""
        self._register.remove(self._workspace, name)

    async def test(self, name: str) -> Attempt:
        """Raise `Stop`: there is nobody to send it."""
        self._register.get(self._workspace, name)
        raise Stop(f"no daemon has {self._folder} open, which would send it; `kyanite serve` starts one")
