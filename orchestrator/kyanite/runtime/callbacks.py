"""Notices from remote services: where they are sent to, and which execution each one wakes.

How they come is an edge's business. One sets `locate` before the engine starts, and hands in what comes by `notify`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from kyanite.runtime.records import Address

if TYPE_CHECKING:
    from kyanite.runtime.execution import Execution

Locate: TypeAlias = Callable[[Address], str]
"""From a job to the URL that a service may send its notices to: always the same one, which nobody else can guess."""


class Callbacks:
    """The notices of a host. A notice is a hint: none is kept, and none says anything but that it came."""

    def __init__(self) -> None:
        """Have no address: providers then ask their services again and again."""
        self.locate: Locate | None = None
        self.driven: Mapping[Address, Execution] = {}
        """The executions of this process; the engine's."""

    def url(self, address: Address) -> str | None:
        """Return the URL of a job, if there is a way in from outside."""
        return None if self.locate is None else self.locate(address)

    def expects(self, address: Address) -> bool:
        """Tell whether the job executes here, so that a notice has somebody to wake."""
        execution = self.driven.get(address)
        return execution is not None and not execution.ended

    def notify(self, address: Address) -> bool:
        """Wake the provider of a job; tell whether it executes here."""
        if not self.expects(address):
            return False
        self.driven[address].was_called_back()
        return True
