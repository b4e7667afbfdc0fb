"""`kyanite webhook test|pause|resume|replay|rotate|remove`: one webhook, tried out, changed, and let go of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from kyanite.cli.deliveries import replay_options, replayed
from kyanite.cli.exits import Exit
from kyanite.cli.output import format_option, show_one, write_facts, write_json
from kyanite.cli.quantity import duration
from kyanite.cli.session import Session, pass_session
from kyanite.cli.views import record
from kyanite.cli.webhook import WEBHOOKS, facts, names, say_who_delivers, show_secret

if TYPE_CHECKING:
    from kyanite.cli.webhook_register import Asked
    from kyanite.core.letters import Attempt
    from kyanite.outlets.webhooks.record import WebhookRecord


@click.command()
@click.argument("name", shell_complete=names)
@format_option("table", "table", "json")
@pass_session
def test(session: Session, /, name: str, style: str) -> int:
    """Have a daemon send a message of the type webhook.test now, once, and show what was answered.

    The exit code is 1 if it was not taken.
    """
    from kyanite.cli.webhook_register import asking

    attempt = asking(session, name, lambda webhooks: webhooks.test(name))
    if style == "json":
        write_json(record(attempt), "jsonl")
    else:
        write_facts(_outcome(attempt))
    return Exit.OK if attempt.taken else Exit.ERROR


def _outcome(attempt: Attempt) -> Iterator[tuple[str, str]]:
    yield "outcome", "taken" if attempt.taken else "not taken"
    yield "status", str(attempt.status or "")
    yield "took", duration(attempt.latency_s)
    yield "error", attempt.error
    yield "answer", attempt.excerpt


@click.command()
@click.argument("name", shell_complete=names)
@format_option("name")
@pass_session
def pause(session: Session, /, name: str, style: str) -> None:
    """Send nothing to a webhook for now; its events wait."""
    show_one(WEBHOOKS, style, _changed(session, name, "paused"), facts)


@click.command()
@click.argument("name", shell_complete=names)
@format_option("name")
@pass_session
def resume(session: Session, /, name: str, style: str) -> None:
    """Have a webhook go on where it was, when it was paused or has been disabled."""
    show_one(WEBHOOKS, style, _changed(session, name, "active"), facts)
    say_who_delivers(session)


@click.command()
@click.argument("name", shell_complete=names)
@replay_options
@format_option("table", "table", "json")
@pass_session
def replay(session: Session, /, name: str, style: str, **asked: Any) -> None:
    """Send events to a webhook once more, under the same webhook-id, and print how many: 10,000 at most.

    Without a daemon, it can only be dead letters, and others that it has not taken yet.
    """
    from kyanite.outlets.webhooks.definition import subscriber

    replayed(session, subscriber(name), style, asked)


@click.command()
@click.argument("name", shell_complete=names)
@format_option("table", "table", "json")
@pass_session
def rotate(session: Session, /, name: str, style: str) -> None:
    """Give a webhook a new secret, and show it this once.

    The one before it signs beside it for delivery.secret_life_s, a day by default: receivers take either meanwhile.
    """
    from kyanite.cli.webhook_register import asking

    show_secret(session, asking(session, name, lambda webhooks: webhooks.rotate(name)), style)
    say_who_delivers(session)


@click.command()
@click.argument("name", shell_complete=names)
@format_option("name")
@pass_session
def remove(session: Session, /, name: str, style: str) -> None:
    """Remove a webhook, with all that it has not been sent and the log of what it was."""
    from kyanite.cli.webhook_register import asking

    show_one(WEBHOOKS, style, asking(session, name, partial(_removed, name)), facts)


def _changed(session: Session, name: str, state: str) -> WebhookRecord:
    from kyanite.cli.webhook_register import asking

    return asking(session, name, lambda webhooks: webhooks.change(name, state=state))


async def _removed(name: str, webhooks: Asked) -> WebhookRecord:
    found = await webhooks.get(name)
    await webhooks.remove(name)
    return found
