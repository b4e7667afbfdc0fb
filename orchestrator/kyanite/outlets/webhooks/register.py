"""The webhooks of a data folder: those that were added, in a file, and beside them those of the configuration.

The file holds the secrets, which have to be read to sign: it is nobody else's, and nothing prints them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kyanite.config import DeliverySettings
from kyanite.errors import ConfigError, InvalidRequest, QuotaExceeded
from kyanite.folder import make_folder
from kyanite.outlets.webhooks.definition import State, Webhook, WebhookConfigured, WebhookExists, WebhookNotFound
from kyanite.outlets.webhooks.guard import checked_url
from kyanite.outlets.webhooks.secret import parse
from kyanite.private_file import open_lock, write_private
from kyanite.stores.seam import mapped

FILE = "webhooks.json"
LOCK = "webhooks.lock"
WEBHOOKS_MAX = 100
"""The most that a workspace may have, those of the configuration included."""

Address: TypeAlias = tuple[str, str]
"""Workspace and name of a webhook."""


class Mark(Struct, frozen=True, omit_defaults=True):
    """How a webhook of the configuration stands, if it is not active. It is disabled as long as it has this URL."""

    workspace: str
    name: str
    state: State
    url: str
    reason: str = ""

    def __repr__(self) -> str:
        return f"Mark({self.workspace!r}, {self.name!r}, {self.state!r})"


class Content(Struct, frozen=True, omit_defaults=True):
    """What the file holds. Of what is `removed`, the store may hold something still."""

    webhooks: tuple[Webhook, ...] = ()
    marks: tuple[Mark, ...] = ()
    removed: tuple[Address, ...] = ()


@dataclass
class Draft:
    """The content of the file while it is changed, by workspace and name."""

    webhooks: dict[Address, Webhook] = field(default_factory=dict)
    marks: dict[Address, Mark] = field(default_factory=dict)
    removed: set[Address] = field(default_factory=set)

    @classmethod
    def of(cls, content: Content) -> Draft:
        """Return what may be changed."""
        return cls(
            {(each.workspace, each.name): each for each in content.webhooks},
            {(each.workspace, each.name): each for each in content.marks},
            set(content.removed),
        )

    def content(self) -> Content:
        """Return what is to be written."""
        return Content(tuple(self.webhooks.values()), tuple(self.marks.values()), tuple(sorted(self.removed)))


class Seen(NamedTuple):
    """What was found when the file was looked at last: what tells it from another, what it held, and what follows."""

    mark: tuple[int, int, int] | None
    content: Content
    webhooks: dict[Address, Webhook]


class Register:
    """The webhooks of a data folder. Other processes may change the file meanwhile: each look finds the newest.

    Any thread may look and change; what waits for a lock of the file does not belong on an event loop.
    """

    def __init__(
        self,
        folder: str | Path,
        delivery: DeliverySettings = DeliverySettings(),  # noqa: B008  # it is frozen
        configured: Sequence[Webhook] = (),
    ) -> None:
        """Read nothing yet; the folder need not exist. `delivery` says which URLs are allowed."""
        self.folder = Path(folder).expanduser()
        self.delivery = delivery
        self._configured = {(each.workspace, each.name): each for each in configured}
        self._file = str(self.folder / FILE)  # as text, which is looked at in a microsecond, and a `Path` in five
        self._seen: Seen | None = None

    # Looking ----------------------------------------------------------------------------------------------------------

    def all(self, workspace: str | None = None) -> list[Webhook]:
        """Return the webhooks of a workspace, or of all, by name. Raises `ConfigError` if the file is not readable."""
        found = self._look().webhooks
        return [found[address] for address in sorted(found) if workspace in {None, address[0]}]

    def get(self, workspace: str, name: str) -> Webhook:
        """Return a webhook. Raises `WebhookNotFound`, `ConfigError`."""
        webhook = self._look().webhooks.get((workspace, name))
        return _known(webhook, name)

    def removed(self) -> tuple[Address, ...]:
        """Return those of which the store may hold something still."""
        return self._look().content.removed

    # Changing ---------------------------------------------------------------------------------------------------------

    def add(self, webhook: Webhook) -> Webhook:
        """Take one in. Raises `InvalidRequest` naming the field, `WebhookExists`, `QuotaExceeded`, `StorageFull`."""
        checked_url(webhook.url, self.delivery)
        _check_fields(webhook)
        address = webhook.workspace, webhook.name
        with self._changing() as draft:
            known = draft.webhooks.keys() | self._configured.keys()
            if address in known:
                raise WebhookExists(f"{webhook.name!r:.200}")
            if sum(workspace == webhook.workspace for workspace, _ in known) >= WEBHOOKS_MAX:
                raise QuotaExceeded(f"{webhook.workspace!r} has {WEBHOOKS_MAX} webhooks")
            draft.webhooks[address] = webhook
        return self.get(*address)

    def change(self, workspace: str, name: str, **changes: Any) -> Webhook:
        """Give it other values of these fields; of one of the configuration, only another state.

        Raises `WebhookNotFound`, `WebhookConfigured`, and `InvalidRequest` for a URL that is not allowed.
        """
        with self._changing() as draft:
            old = self._stored(draft, workspace, name)
            if old.source == "config" and changes.keys() - {"state"}:
                raise _configured(name)
            new = replace(old, **changes)
            if "state" in changes:
                new = replace(new, reason="")
            if "url" in changes or changes.get("state") == "active":
                checked_url(new.url, self.delivery)
            if changes.keys() - {"state"}:
                _check_fields(new)
            self._put(draft, new)
        return self.get(workspace, name)

    def disable(self, workspace: str, name: str, url: str, reason: str) -> bool:
        """Have it not be served any more, as long as it has this URL and until it is made active again.

        Return whether it was served until now. Raises `WebhookNotFound`.
        """
        with self._changing() as draft:
            old = self._stored(draft, workspace, name)
            served = (old.url, old.state) == (url, "active")
            if served:
                self._put(draft, replace(old, state="disabled", reason=reason))
        return served

    def rotate(self, workspace: str, name: str, text: str, now: datetime) -> Webhook:
        """Give it a new secret, beside which the one before it goes on signing for a while.

        Raises `WebhookNotFound`, `WebhookConfigured`.
        """
        with self._changing() as draft:
            old = self._stored(draft, workspace, name)
            if old.source == "config":
                raise _configured(name)
            self._put(draft, old.rotated(text, now, self.delivery.secret_life_s))
        return self.get(workspace, name)

    def remove(self, workspace: str, name: str) -> None:
        """Let go of it. Raises `WebhookNotFound`, `WebhookConfigured`."""
        with self._changing() as draft:
            if self._stored(draft, workspace, name).source == "config":
                raise _configured(name)
            del draft.webhooks[workspace, name]
            draft.removed.add((workspace, name))

    def settled(self, removed: Collection[Address]) -> None:
        """Take note that the store holds nothing of these any more."""
        with self._changing() as draft:
            draft.removed -= set(removed)

    # The file ---------------------------------------------------------------------------------------------------------

    def _stored(self, draft: Draft, workspace: str, name: str) -> Webhook:
        """Return it as it was set, whether its URL is allowed or not."""
        address = workspace, name
        found = self._configured.get(address)
        return _known(draft.webhooks.get(address) if found is None else _marked(found, draft.marks.get(address)), name)

    def _put(self, draft: Draft, webhook: Webhook) -> None:
        address = webhook.workspace, webhook.name
        if webhook.source == "api":
            draft.webhooks[address] = webhook
        elif webhook.state == "active":
            draft.marks.pop(address, None)
        else:
            draft.marks[address] = Mark(*address, webhook.state, webhook.url, webhook.reason)

    def _look(self) -> Seen:
        """Read the file if it is another than the last time."""
        try:
            found = os.stat(self._file)  # noqa: PTH116
            mark = found.st_ino, found.st_mtime_ns, found.st_size
        except FileNotFoundError:
            mark = None
        seen = self._seen
        if seen is None or seen.mark != mark:
            content = Content() if mark is None else _read(Path(self._file))
            seen = self._seen = Seen(mark, content, self._standing(Draft.of(content)))
        return seen

    def _standing(self, draft: Draft) -> dict[Address, Webhook]:
        """Return all as they are served; one of the configuration stands before one of the same name that was added."""
        stored = [self._stored(draft, *address) for address in draft.webhooks.keys() | self._configured.keys()]
        return {(each.workspace, each.name): self._judged(each) for each in stored}

    def _judged(self, webhook: Webhook) -> Webhook:
        if webhook.state != "active":
            return webhook
        try:
            checked_url(webhook.url, self.delivery)
        except InvalidRequest as error:
            return replace(webhook, state="disabled", reason=str(error).partition(": ")[2])
        return webhook

    @contextmanager
    def _changing(self) -> Iterator[Draft]:
        """Hand out what the file holds, while no other process changes it, and store what became of it."""
        make_folder(self.folder)
        lock = open_lock(self.folder / LOCK)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self._look().content
            draft = Draft.of(before)
            yield draft
            after = draft.content()
            if after != before:
                with mapped(self._file):
                    write_private(Path(self._file), msgspec.json.format(msgspec.json.encode(after)))
        finally:
            os.close(lock)


def _check_fields(webhook: Webhook) -> None:
    """Raise `InvalidRequest` for what could not be read again."""
    for each in msgspec.structs.fields(Webhook):
        try:
            msgspec.json.decode(msgspec.json.encode(getattr(webhook, each.name)), type=each.type)
        except ValueError as error:  # what msgspec raises, and half a character of a command line
            raise InvalidRequest(each.name, f"is not as it should be: {error}") from None


def _read(path: Path) -> Content:
    try:
        content = msgspec.json.decode(path.read_bytes(), type=Content)
    except (ValueError, RecursionError) as error:  # what msgspec raises, for text that is none, too
        raise ConfigError(f"{path} is not a file of webhooks: {error}") from None
    for webhook in content.webhooks:
        try:
            list(map(parse, [secret.text for secret in webhook.secrets] or [""]))
        except InvalidRequest as error:
            problem = str(error).partition(": ")[2]
            raise ConfigError(f"{path} is not a file of webhooks: {webhook.name!r:.200}: {problem}") from None
    return content


def _marked(webhook: Webhook, mark: Mark | None) -> Webhook:
    if mark is None or (mark.state == "disabled" and mark.url != webhook.url):
        return webhook
    return replace(webhook, state=mark.state, reason=mark.reason)


def _known(webhook: Webhook | None, name: str) -> Webhook:
    if webhook is None:
        raise WebhookNotFound(f"{name!r:.200}")
    return webhook


def _configured(name: str) -> WebhookConfigured:
    return WebhookConfigured(f"change {name!r:.200} in its file; here it can be paused and resumed")
