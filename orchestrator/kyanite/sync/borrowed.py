"""Storage that several workspaces of this process stand on at once."""

from __future__ import annotations

from typing import Any, TypeVar, cast

S = TypeVar("S")


class _Borrowed:
    """Storage that is open already, and stays open whoever closes it: both are its owner's business."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    async def open(self, **how: Any) -> None:
        """Leave it as it is."""

    async def aclose(self) -> None:
        """Leave it as it is."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)


def borrowed(storage: S) -> S:
    """Return the same store, or blob store, for one who opens and closes it while others use it."""
    return cast("S", _Borrowed(storage))
