"""What a client may do."""

from __future__ import annotations

from enum import IntEnum


class Scope(IntEnum):
    """What a client may do; each includes those before it."""

    READ = 1
    """Look at everything, and download it."""
    SUBMIT = 2
    """Upload, submit, amend and cancel."""
    ADMIN = 3
    """Remove for good, and whatever else there is in a workspace."""
    OPERATE = 4
    """All workspaces, and the daemon itself."""

    @property
    def included(self) -> list[str]:
        """The names of all that it includes, from the least on to its own."""
        return [scope.name.lower() for scope in Scope if scope <= self]
