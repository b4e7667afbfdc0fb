"""What a workspace of the daemon stands on, for what the workspace itself does not offer to users."""

from __future__ import annotations

from kyanite import Workspace
from kyanite.ports import JobStore
from kyanite.runtime.quotas import Usage


def store_of(workspace: Workspace) -> JobStore:
    """Return the store that the workspace is kept in, and others with it."""
    return workspace.host.storage.store


def usage_of(workspace: Workspace) -> Usage:
    """Return what the workspace may have, and what of it is in use."""
    return workspace.host.engine.quotas.of(workspace.name).usage()
