"""What can be asked about deliveries: the part of the table of operations that is about subscribers and webhooks."""

from __future__ import annotations

from kyanite.http.native import documents, subscribers, webhooks
from kyanite.http.native.bodies import Replay, WebhookBody, WebhookChange
from kyanite.http.native.operation import EXAMPLES, Operation
from kyanite.http.native.parameters import AttemptListing, LetterListing, Paging
from kyanite.http.scopes import Scope
from kyanite.outlets.webhooks.record import NewSecret, WebhookRecord

_WEBHOOK = "/v1/webhooks/{webhook}"

DELIVERIES: tuple[Operation, ...] = (
    Operation(
        name="listSubscribers",
        method="GET",
        path="/v1/subscribers",
        scope=Scope.ADMIN,
        handler=subscribers.list_all,
        parameters=Paging,
        answer=documents.SubscriberList,
    ),
    Operation(
        name="listLetters",
        method="GET",
        path="/v1/letters",
        scope=Scope.SUBMIT,  # subscribers of clients begin with their own
        handler=subscribers.letters,
        parameters=LetterListing,
        answer=documents.LetterList,
    ),
    Operation(
        name="listAttempts",
        method="GET",
        path="/v1/attempts",
        scope=Scope.ADMIN,
        handler=subscribers.attempts,
        parameters=AttemptListing,
        answer=documents.AttemptList,
    ),
    Operation(
        name="replay",
        method="POST",
        path="/v1/replay",
        scope=Scope.ADMIN,
        handler=subscribers.replay,
        body=Replay,
        answer=documents.Replayed,
        example_body={"subscriber": "example", "dead": True},
    ),
    Operation(
        name="listWebhooks",
        method="GET",
        path="/v1/webhooks",
        scope=Scope.ADMIN,
        handler=webhooks.list_all,
        parameters=Paging,
        answer=documents.list_of(WebhookRecord, "WebhookList"),
    ),
    Operation(
        name="addWebhook",
        method="POST",
        path="/v1/webhooks",
        scope=Scope.ADMIN,
        handler=webhooks.add,
        statuses=(201, 409),
        body=WebhookBody,
        answer=NewSecret,
        example_body={"name": EXAMPLES["webhook"], "url": "https://hooks.example/kyanite", "on": ["Failed"]},
    ),
    Operation(
        name="getWebhook",
        method="GET",
        path=_WEBHOOK,
        scope=Scope.ADMIN,
        handler=webhooks.get,
        statuses=(200, 404),
        answer=WebhookRecord,
    ),
    Operation(
        name="changeWebhook",
        method="PATCH",
        path=_WEBHOOK,
        scope=Scope.ADMIN,
        handler=webhooks.change,
        statuses=(200, 404, 409),
        body=WebhookChange,
        answer=WebhookRecord,
        example_body={"state": "paused"},
    ),
    Operation(
        name="removeWebhook",
        method="DELETE",
        path=_WEBHOOK,
        scope=Scope.ADMIN,
        handler=webhooks.remove,
        statuses=(204, 404, 409),
    ),
    Operation(
        name="rotateWebhook",
        method="POST",
        path=f"{_WEBHOOK}/rotate",
        scope=Scope.ADMIN,
        handler=webhooks.rotate,
        statuses=(201, 404, 409),
        answer=NewSecret,
    ),
    Operation(
        name="testWebhook",
        method="POST",
        path=f"{_WEBHOOK}/test",
        scope=Scope.ADMIN,
        handler=webhooks.test,
        statuses=(200, 404),
        answer=documents.AttemptRecord,
    ),
)
