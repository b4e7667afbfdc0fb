"""The configuration: what can be set, and the layers it comes from.

    defaults (settings) < file < environment (layers) < arguments -> resolution -> Settings, and each value's origin

`schema` knows the settings by their dotted paths; `secrecy` knows which of them nobody may see; `notation` writes TOML.
"""

from kyanite.config.resolution import Resolved, Row, chosen, load, resolve
from kyanite.config.settings import (
    BlobSettings,
    DeliverySettings,
    HookSettings,
    LimitSettings,
    LogSettings,
    QueueSettings,
    QuotaSettings,
    ServerSettings,
    Settings,
    StoreSettings,
    TelemetrySettings,
    TlsSettings,
    WebhookSettings,
    WorkspaceSettings,
)

__all__ = [
    "BlobSettings",
    "DeliverySettings",
    "HookSettings",
    "LimitSettings",
    "LogSettings",
    "QueueSettings",
    "QuotaSettings",
    "Resolved",
    "Row",
    "ServerSettings",
    "Settings",
    "StoreSettings",
    "TelemetrySettings",
    "TlsSettings",
    "WebhookSettings",
    "WorkspaceSettings",
    "chosen",
    "load",
    "resolve",
]
