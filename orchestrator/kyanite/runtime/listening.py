"""The part of a workspace that tells what happens in it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from kyanite.core.events import FINAL_EVENTS, Event
from kyanite.errors import InvalidRequest, ReadOnly
from kyanite.ports import IN_ORDER, DeliveriesFace, Faces, Subscriber, Subscription
from kyanite.runtime.subscriptions import checked_name

S = TypeVar("S", bound=Subscriber)


class Listening:
    """Events, who is called with them, and what became of that."""

    name: str
    read_only: bool
    _subscriptions: list[Subscription]
    _faces: Faces | None

    @abstractmethod
    def _opened(self) -> Faces:
        """Return what the workspace stands on. Raises `WorkspaceClosed`."""

    def events(self, after: int = 0, *, follow: bool = False) -> AsyncGenerator[Event]:
        """Yield this workspace's events past position `after`; with `follow`, go on as more come."""
        return self._opened().log.follow(after, forever=follow)

    def on(self, *types: type[Event], name: str | None = None, from_start: bool = False) -> Callable[[S], S]:
        """Have a coroutine function called with each event of these types: `@workspace.on(Succeeded)`.

        It is given the event and the job's row, one event at a time, in order.

        With a `name` it is called at least once for every event from its first registration on, over restarts:
        `(event.job_id, event.version)` tells a repetition. Without one it hears what happens from now on. If it raises,
        it is called again after pauses that grow; after ten times the event is a dead letter, which `deliveries` shows
        and offers again, and the next one has its turn. Of an unnamed one's dead letters, only a line of the log tells.
        """

        def register(subscriber: S) -> S:
            own = None if name is None else checked_name(name)
            self.subscribe(Subscription(types or (Event,), subscriber, self.name, own, from_start, manner=IN_ORDER))
            return subscriber

        return register

    def subscribe(self, subscription: Subscription) -> None:
        """Deliver as a subscription says, which says more than `on` can. Raises `InvalidRequest`, `ReadOnly`."""
        name = subscription.name
        taken = {(other.workspace, other.name) for other in self._subscriptions}
        if name is not None and (subscription.workspace, name) in taken:
            raise InvalidRequest("name", f"{name!r} is subscribed already")
        if self.read_only and name is not None:
            raise ReadOnly("a named subscriber needs to store its cursor")
        self._subscriptions.append(subscription)
        if self._faces is not None:
            self._faces.log.listen(subscription)

    def on_final(self, *, name: str | None = None, from_start: bool = False) -> Callable[[S], S]:
        """Have a coroutine function called with each final event and the job's row; see `on`."""
        return self.on(*FINAL_EVENTS, name=name, from_start=from_start)

    @property
    def deliveries(self) -> DeliveriesFace:
        """What became of deliveries to named subscribers: how each stands, its letters and attempts, and replays."""
        return self._opened().deliveries
