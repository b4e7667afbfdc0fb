"""What a webhook's body says of an event: the event's type and time, and the job in short, in fewer than 20,000 bytes.

Sources: Standard Webhooks 1.0.0, "Payload"; CloudEvents 1.0.2, with its JSON format and its extension for distributed
tracing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import datetime
from typing import Any, Protocol

import msgspec

from kyanite.core.events import EVENTS, Event
from kyanite.core.job import ErrorData, JobDetails

BYTES_MAX = 19_999
STANDARD, CLOUDEVENTS = "application/json", "application/cloudevents+json"
TEST_TYPE = "webhook.test"
MARK = "…"
NAME_BYTES, TAGS_BYTES, METADATA_BYTES = 1_000, 3_000, 4_000
MESSAGE_BYTES, WORDS_BYTES, REST_BYTES = 3_000, 1_000, 300
"""What is left of each part of a job whose body would be too long: bytes of JSON."""
TYPES = {
    kind: "job." + re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()  # CancelRequested is job.cancel_requested
    for kind in EVENTS
}
_TEXTS = ("id", "status", "target", "provider_id", "session_id", "output_data_format", "output_hash")
_encoder = msgspec.json.Encoder()


class Endpoint(Protocol):
    """What this module has to know of a webhook."""

    @property
    def name(self) -> str: ...
    @property
    def workspace(self) -> str: ...
    @property
    def payload(self) -> str: ...


def message_id(event: Event) -> str:
    """Return the id of the message about this event: the same whenever it is sent, and of no other event."""
    return f"msg_{event.event_id}"


def encoded(webhook: Endpoint, event: Event, details: JobDetails, *, address: str | None) -> tuple[str, bytes]:
    """Return the content type and the body of the message about an event.

    `details` is the job's row as it stands now, which may be ahead of the event. Where the whole would be too long,
    texts are cut, metadata and lists left out, and `data.truncated` names them. `address` is where clients reach the
    daemon, such as `https://jobs.example.org`; without, the message has no links.
    """
    data = {"workspace": event.workspace, "job": _job(details), "version": event.version, "position": event.position}
    if address:
        job = f"{address.rstrip('/')}/v1/jobs/{details.id}"
        data["links"] = {"job": job, "output": f"{job}/output"}
    wrapped = _Wrapping(webhook.payload, TYPES[type(event)], event.time, message_id(event))
    trace = event.traceparent or details.traceparent
    envelope = wrapped.around(data, subject=details.id, source=_source(address, event.workspace), traceparent=trace)
    body = _json(envelope)
    if len(body) > BYTES_MAX:
        data["job"], data["truncated"] = _shortened(details)
        body = _json(envelope)
    return wrapped.content_type, body


def encoded_test(webhook: Endpoint, test_id: str, time: datetime, *, address: str | None) -> tuple[str, bytes]:
    """Return the content type and the body of a message that only tells whether the webhook works."""
    wrapped = _Wrapping(webhook.payload, TEST_TYPE, time, test_id)
    data = {"workspace": webhook.workspace, "webhook": webhook.name}
    source = _source(address, webhook.workspace)
    return wrapped.content_type, _json(wrapped.around(data, subject=webhook.name, source=source))


class _Wrapping(msgspec.Struct, frozen=True):
    """What stands around the data of a message."""

    form: str
    type: str
    time: datetime
    id: str

    @property
    def content_type(self) -> str:
        return CLOUDEVENTS if self.form == "cloudevents" else STANDARD

    def around(
        self, data: dict[str, Any], *, subject: str, source: str, traceparent: str | None = None
    ) -> dict[str, Any]:
        if self.form != "cloudevents":
            return {"type": self.type, "timestamp": self.time, "data": data}
        envelope = {
            "specversion": "1.0",
            "id": self.id,
            "source": source,
            "type": f"kyanite.{self.type}",
            "subject": subject,
            "time": self.time,
            "datacontenttype": "application/json",
        }
        if traceparent:
            envelope["traceparent"] = traceparent
        envelope["data"] = data
        return envelope


def _source(address: str | None, workspace: str) -> str:
    """Return who sends, as a URI: blobs of the workspace have ones that begin alike."""
    return f"kyanite://{address.partition('://')[2].rstrip('/') if address else ''}/{workspace}"


def _job(details: JobDetails) -> dict[str, Any]:
    cost = details.cost_estimate
    return {
        "id": details.id,
        "name": details.name,
        "status": details.status.value,
        "target": details.target,
        "provider_id": details.provider_id,
        "session_id": details.session_id,
        "priority": details.priority,
        "tags": details.tags,
        "metadata": details.metadata,
        "creation_time": details.creation_time,
        "begin_execution_time": details.begin_execution_time,
        "end_execution_time": details.end_execution_time,
        "error_data": details.error_data and _error(details.error_data),
        "cost_estimate": cost and {"currency_code": cost.currency_code, "estimated_total": cost.estimated_total},
        "output_data_format": details.output_data_format,
        "output_size": details.output_size,
        "output_hash": details.output_hash,
    }


def _error(error: ErrorData) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "target": error.target, "details": error.details}


def _shortened(details: JobDetails) -> tuple[dict[str, Any], list[str]]:
    """Return the job with every part within its bound, and the names of the parts that were cut or left out."""
    whole = _job(details)
    short = whole | {name: _cut(whole[name], REST_BYTES) for name in _TEXTS}
    short["name"] = _cut(details.name, NAME_BYTES)
    short["tags"] = _kept(details.tags, TAGS_BYTES, ())
    short["metadata"] = _kept(details.metadata, METADATA_BYTES, {})
    if whole["cost_estimate"]:
        short["cost_estimate"] = _kept(whole["cost_estimate"], REST_BYTES, None)
    if details.error_data is not None:
        short["error_data"] = {
            "code": _cut(details.error_data.code, REST_BYTES),
            "message": _cut(details.error_data.message, MESSAGE_BYTES),
            "target": _cut(details.error_data.target, REST_BYTES),
            "details": _kept(details.error_data.details, WORDS_BYTES, ()),
        }
    return short, [name for name, value in short.items() if value != whole[name]]


def _cut(text: str | None, bytes_max: int) -> str | None:
    """Return as much of the beginning as fits, with a mark where something is missing."""
    if text is None or len(_json(text)) <= bytes_max:
        return text
    most = bytes_max - len(MARK.encode())
    length = bisect_right(range(len(text)), most, key=lambda length: len(_json(text[:length])))
    return text[: length - 1] + MARK


def _kept(value: Any, bytes_max: int, instead: Any) -> Any:
    return value if len(_json(value)) <= bytes_max else instead


def _json(value: Any) -> bytes:
    """Write JSON. Half a character, which no text should hold but a provider may have told, becomes a question mark."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_whole(value))


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return value
