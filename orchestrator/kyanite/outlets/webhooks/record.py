"""What may be shown of a webhook: all but its secrets, of which a new one is shown once."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from kyanite.outlets.webhooks.definition import Webhook
from kyanite.outlets.webhooks.secret import Secret, parse


class WebhookRecord(Struct, frozen=True, kw_only=True):
    """What is known of a webhook, but for its secret. `source` is `config` or `api`.

    It is `active`, `paused`, or `disabled` for the `reason`. `public_key` is what receivers verify signatures of the
    kind `v1a` with; until `previous_end_time`, the secret before this one signs, too.
    """

    name: str
    workspace: str
    url: str
    on: tuple[str, ...]
    target: tuple[str, ...]
    tag: tuple[str, ...]
    name_prefix: str
    payload: str
    kind: str
    public_key: str | None
    previous_end_time: datetime | None
    state: str
    reason: str
    source: str
    creation_time: datetime | None


class NewSecret(WebhookRecord, frozen=True, kw_only=True):
    """A webhook with the secret that was made for it now; of the kind `v1a`, that stays where it was made."""

    secret: str | None

    def __repr__(self) -> str:
        """Show neither the secret nor the URL, which may hold another."""
        return f"NewSecret({self.name!r})"


def record_of(webhook: Webhook) -> WebhookRecord:
    """Return what may be shown at any time."""
    newest = parse(webhook.secrets[0].text)
    return WebhookRecord(
        name=webhook.name,
        workspace=webhook.workspace,
        url=webhook.url,
        on=webhook.on,
        target=webhook.target,
        tag=webhook.tag,
        name_prefix=webhook.name_prefix,
        payload=webhook.payload,
        kind=newest.kind,
        public_key=None if newest.public_key is None else newest.public_key.text,
        previous_end_time=max((each.end_time for each in webhook.secrets[1:] if each.end_time), default=None),
        state=webhook.state,
        reason=webhook.reason,
        source=webhook.source,
        creation_time=webhook.creation_time,
    )


def shown_once(webhook: Webhook, secret: Secret) -> NewSecret:
    """Return it with the secret that was made just now."""
    known = record_of(webhook)
    fields = {name: getattr(known, name) for name in known.__struct_fields__}
    return NewSecret(**fields, secret=secret.text if secret.public_key is None else None)
