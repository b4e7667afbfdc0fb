"""Every metric that is shown, by name: its kind, its labels, and what it says. Documentation and exposition read this.

Names follow Prometheus: base units last (`_seconds`, `_bytes`), `_total` for counts. No label holds a job's id or a
path that a client wrote.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """One metric."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


_PLACE = ("workspace", "target")

BUILD = Metric("kyanite_build_info", "gauge", ("version", "python"), "Always 1; the labels say what runs.")
JOBS = Metric("kyanite_jobs", "gauge", (*_PLACE, "status"), "Jobs that have not ended: Waiting or Executing.")
SUBMITTED = Metric("kyanite_jobs_submitted_total", "counter", _PLACE, "Jobs submitted since the start.")
ENDED = Metric(
    "kyanite_jobs_ended_total", "counter", (*_PLACE, "status"), "Jobs ended since the start, by final status."
)
RETRIES = Metric("kyanite_job_retries_total", "counter", _PLACE, "Attempts that failed and are followed by another.")
INTERRUPTIONS = Metric(
    "kyanite_job_interruptions_total", "counter", _PLACE, "Executions that a crash had cut short, found at the start."
)
WAIT = Metric("kyanite_job_wait_seconds", "histogram", ("target",), "From a job's submit to its first execution.")
RUN = Metric(
    "kyanite_job_run_seconds",
    "histogram",
    ("target",),
    "From a job's first execution to its end, pauses between attempts included.",
)
QUEUE_DEPTH = Metric(
    "kyanite_queue_depth", "gauge", _PLACE, "Jobs without a slot: those that wait, and those between two attempts."
)
QUEUE_AGE = Metric(
    "kyanite_queue_oldest_age_seconds",
    "gauge",
    _PLACE,
    "How long the job that is next in line has waited; 0 when none waits. "
    "Among jobs of one priority it is the one that has waited longest.",
)
SLOTS = Metric("kyanite_slots", "gauge", ("target",), "Jobs of a target that may execute at once, in all workspaces.")
SLOTS_BUSY = Metric("kyanite_slots_busy", "gauge", ("target",), "Slots that are taken.")
READING = Metric(
    "kyanite_provider_reading",
    "gauge",
    ("provider", "reading"),
    "What a provider says of itself; the local one: workers (processes that run kernels) and workers_busy.",
)
COMMIT = Metric(
    "kyanite_commit_seconds",
    "histogram",
    (),
    "Time for one durable commit, which stores the changes of all jobs that came in meanwhile.",
)
EVENTS = Metric("kyanite_events_total", "counter", (), "Events ever written to the log: the position of the newest.")
LAG = Metric("kyanite_event_loop_lag_seconds", "histogram", (), "By how much a timer of the event loop was late.")
REQUESTS = Metric(
    "kyanite_http_requests_total",
    "counter",
    ("route", "method", "status"),
    "Requests answered, by route template. Status aborted: the client or the daemon went away before.",
)
REQUEST = Metric(
    "kyanite_http_request_seconds",
    "histogram",
    ("route", "method"),
    "From a request's head to its answer. Without event streams, which last as long as their clients listen.",
)
IN_PROGRESS = Metric("kyanite_http_requests_in_progress", "gauge", ("route",), "Requests that are being answered.")
STREAMS = Metric("kyanite_event_streams", "gauge", ("workspace",), "Open streams of live events.")
STORED = Metric(
    "kyanite_stored_bytes",
    "gauge",
    ("workspace",),
    "Bytes of blobs, in workspaces where quota.stored_bytes_max bounds them.",
)
OFFERS = Metric(
    "kyanite_deliveries_total",
    "counter",
    ("workspace", "subscriber", "outcome"),
    "Events offered to named subscribers since the start: taken, failed (and offered again later), or dead.",
)
BEHIND = Metric(
    "kyanite_subscriber_behind",
    "gauge",
    ("workspace", "subscriber"),
    "Positions of the log that a subscriber has not read yet.",
)
UNSETTLED = Metric(
    "kyanite_subscriber_waiting",
    "gauge",
    ("workspace", "subscriber"),
    "Events that a subscriber is being offered, or will be again.",
)
DISK_FREE = Metric("kyanite_disk_free_bytes", "gauge", (), "What is free on the disk of the data folder.")

METRICS = (
    *(BUILD, JOBS, SUBMITTED, ENDED, RETRIES, INTERRUPTIONS, WAIT, RUN, QUEUE_DEPTH, QUEUE_AGE, SLOTS, SLOTS_BUSY),
    *(READING, COMMIT, EVENTS, STORED, STREAMS, OFFERS, BEHIND, UNSETTLED, LAG, REQUESTS, REQUEST, IN_PROGRESS),
    DISK_FREE,
)
"""All of them, in the order in which they are shown; those of the process (`process_*`) are the library's."""
