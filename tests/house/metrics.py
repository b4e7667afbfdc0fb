"""The metrics, for the page on them: a row each, from the catalogue that the daemon shows them by."""

from __future__ import annotations

from kyanite.http.metrics.catalogue import METRICS


def table() -> str:
    """Return the table of all metrics, in the order in which they are shown."""
    rows = [
        f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels)} | {metric.help} |"
        for metric in METRICS
    ]
    return "\n".join(["| metric | kind | labels | what it says |", "|---|---|---|---|", *rows])
