"""`kyanite subscriber`: who hears of events, how far each is, and what it did not take."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from kyanite.cli.deliveries import (
    SHOWN,
    mail_of,
    mail_record,
    replay_options,
    replayed,
    show_mail,
    standing_facts,
    standings,
)
from kyanite.cli.output import format_option, show, write_facts, write_json
from kyanite.cli.owner import looking
from kyanite.cli.session import Session, pass_session
from kyanite.cli.vocabulary import Vocabulary

if TYPE_CHECKING:
    from kyanite import Workspace
    from kyanite.cli.completion import Items
    from kyanite.core.letters import Standing

WORDS = {
    "list": "kyanite.cli.subscriber:list_subscribers",
    "show": "kyanite.cli.subscriber:show_subscriber",
    "replay": "kyanite.cli.subscriber:replay",
}


def subscriber_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer the names of subscribers, each with how far behind it is."""
    del param
    found = looking(ctx.ensure_object(Session), _standings)
    return [
        CompletionItem(each.name, help=f"{each.behind} behind, {each.waiting} wait, {each.dead} dead")
        for each in found
        if each.name.startswith(incomplete)
    ]


@click.group(cls=Vocabulary, words=WORDS)
def subscriber() -> None:
    """See how far the named subscribers of events are, and offer them events anew.

    Those of webhooks are called webhook/NAME, those of hooks hook/NAME, and those of programs as `on(name=...)` says.
    """


@click.command("list")
@format_option("table")
@pass_session
def list_subscribers(session: Session, /, style: str) -> None:
    """List the named subscribers: how far each is, and how many letters wait or are dead.

    A letter is an event that was not taken when it was offered: it is offered again, or dead and given up.
    """
    found = looking(session, _standings)
    if not show(standings(session), style, found):
        session.say("no named subscribers; `kyanite webhook add` makes one")


@click.command("show")
@click.argument("name", shell_complete=subscriber_names)
@click.option("--dead", is_flag=True, help="Of its letters, only the dead ones.")
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=SHOWN, show_default=True, metavar="N", help="So many of each."
)
@format_option("table", "table", "json", "jsonl")
@pass_session
def show_subscriber(session: Session, /, name: str, limit: int, style: str, *, dead: bool) -> None:
    """Show one subscriber, with its first letters and its newest attempts.

    Attempts are logged of webhooks and hooks.
    """
    mail = looking(session, partial(mail_of, name, limit, dead or None))
    if style == "table":
        write_facts([("name", name), *standing_facts(session, mail.standing)])
        show_mail(mail)
    else:
        write_json(mail_record(session, mail), style)


@click.command()
@click.argument("name", shell_complete=subscriber_names)
@replay_options
@format_option("table", "table", "json")
@pass_session
def replay(session: Session, /, name: str, style: str, **asked: Any) -> None:
    """Offer events to a subscriber anew, and print how many: 10,000 at most.

    Without somebody who delivers to it, as a daemon does to webhooks, it can only be dead letters, and others that it
    has not taken yet.
    """
    replayed(session, name, style, asked)


async def _standings(workspace: Workspace) -> list[Standing]:
    return await workspace.deliveries.subscribers()
