"""Which jobs: the filters that `job list` and `job count` share."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, TypeVar

import click

from kyanite.cli.completion import providers, tags, target_ids
from kyanite.cli.vocabulary import Choice

F = TypeVar("F", bound=Callable[..., Any])

STATUSES = ("Waiting", "Executing", "Succeeded", "Failed", "Cancelled")
_AGO = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(ctx: click.Context, option: click.Parameter, text: str | None) -> datetime | None:
    """Read a date, a date with a time (in UTC unless it says its zone), or how long ago. Raises `BadParameter`."""
    if text is None:
        return None
    try:
        if ago := _AGO.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no time; write 2025-12-31, 2025-12-31T23:59, or 2h for two hours ago"
        raise click.BadParameter(message, ctx, option) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


_FILTERS = (
    click.option(
        "-s",
        "--status",
        multiple=True,
        type=Choice(STATUSES),
        metavar="STATUS",
        help=f"One of {', '.join(STATUSES)}; may be repeated.",
    ),
    click.option(
        "-t", "--target", multiple=True, metavar="TARGET", shell_complete=target_ids, help="Jobs of this target."
    ),
    click.option("--provider", multiple=True, metavar="NAME", shell_complete=providers, help="Jobs of this provider."),
    click.option("--name", "name_prefix", default="", metavar="START", help="Jobs whose name begins so."),
    click.option("--tag", metavar="TAG", shell_complete=tags, help="Jobs with this tag."),
    click.option(
        "--created-after", callback=moment, metavar="TIME", help="A date, a time in UTC, or 2h for 2 hours ago."
    ),
    click.option("--created-before", callback=moment, metavar="TIME", help="As --created-after."),
)


def filter_options(command: F) -> F:
    """Give a command the filters, under the names that `Workspace.list_jobs` has for them."""
    return reduce(lambda made, option: option(made), reversed(_FILTERS), command)
