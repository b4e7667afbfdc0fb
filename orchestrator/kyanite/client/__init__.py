"""A workspace whose daemon runs elsewhere: what `Workspace.connect` stands on. Loaded when it is first used."""

from __future__ import annotations

from kyanite.client.endpoint import endpoint_of
from kyanite.client.lifetime import connected

__all__ = ["connected", "endpoint_of"]
