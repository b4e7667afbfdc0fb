"""The webhooks that the configuration names, with their secrets read."""

from __future__ import annotations

from kyanite.config import Settings, WebhookSettings
from kyanite.config.secrecy import is_reference, secret_texts
from kyanite.errors import ConfigError, InvalidRequest
from kyanite.outlets.webhooks.definition import SECRETS_MAX, KeptSecret, Webhook
from kyanite.outlets.webhooks.secret import parse


def configured(settings: Settings) -> list[Webhook]:
    """Return the webhooks of the configuration. Raises `ConfigError` naming the setting that is not right."""
    found: dict[tuple[str, str], Webhook] = {}
    for index, given in enumerate(settings.webhooks):
        webhook = _webhook(settings, given, f"webhooks.{index}")
        if found.setdefault((webhook.workspace, webhook.name), webhook) is not webhook:
            raise ConfigError(f"webhooks.{index}.name: another webhook is called {given.name!r}, too")
    return list(found.values())


def _webhook(settings: Settings, given: WebhookSettings, path: str) -> Webhook:
    return Webhook(
        name=given.name,
        workspace=given.workspace or settings.workspace,
        url=given.url,
        secrets=tuple(KeptSecret(text) for text in _secrets(given, f"{path}.secrets")),
        on=given.on,
        target=given.target,
        tag=given.tag,
        name_prefix=given.name_prefix,
        payload=given.payload,
        source="config",
    )


def _secrets(given: WebhookSettings, path: str) -> list[str]:
    if not 1 <= len(given.secrets) <= SECRETS_MAX or not all(map(is_reference, given.secrets)):
        raise ConfigError(f'{path}: must be one or two secrets, each {{ env = "NAME" }} or {{ file = "/path" }}')
    texts = secret_texts(path, given.secrets)
    for index, text in enumerate(texts):
        try:
            parse(text)
        except InvalidRequest as error:
            raise ConfigError(f"{path}.{index}: {str(error).partition(': ')[2]}") from None
    return texts
