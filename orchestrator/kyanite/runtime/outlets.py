"""What takes events out of the process as the configuration says: imported where there is something to take out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kyanite.runtime.workspace import Workspace

WEBHOOKS = "webhooks.json"
"""The file in the data folder that webhooks are in which the configuration does not name."""


def attach(workspace: Workspace) -> None:
    """Have commands run and webhooks called for a workspace that is about to be opened. Raises `ConfigError`."""
    settings = workspace.settings
    if settings.hooks:
        from kyanite.outlets import hooks

        for subscription in hooks.subscriptions(settings):
            workspace.subscribe(subscription)
    if settings.webhooks or (Path(settings.data_dir).expanduser() / WEBHOOKS).exists():
        from kyanite.outlets.webhooks.outlet import webhooks_of

        webhooks_of(workspace.host)
