"""`kyanite webhook add|list|show`: where events are sent over HTTP."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from kyanite.cli.completion import tags, target_ids
from kyanite.cli.events import TYPES
from kyanite.cli.exits import Stop
from kyanite.cli.output import View, format_option, show, show_one, write_facts, write_json
from kyanite.cli.quantity import age, moment
from kyanite.cli.session import Session, pass_session
from kyanite.cli.table import Column
from kyanite.cli.views import record
from kyanite.cli.vocabulary import Choice, Vocabulary

if TYPE_CHECKING:
    from kyanite.cli.completion import Items
    from kyanite.cli.deliveries import Mail
    from kyanite.outlets.webhooks.record import NewSecret, WebhookRecord

WORDS = {
    "add": "kyanite.cli.webhook:add_webhook",
    "list": "kyanite.cli.webhook:list_webhooks",
    "show": "kyanite.cli.webhook:show_webhook",
    "test": "kyanite.cli.webhook_change:test",
    "pause": "kyanite.cli.webhook_change:pause",
    "resume": "kyanite.cli.webhook_change:resume",
    "replay": "kyanite.cli.webhook_change:replay",
    "rotate": "kyanite.cli.webhook_change:rotate",
    "remove": "kyanite.cli.webhook_change:remove",
}
FINALS = ("Succeeded", "Failed", "Cancelled")
PAYLOADS = ("standard", "cloudevents")
KINDS = ("hmac", "ed25519")
COLOURS = {"active": "green", "paused": "yellow", "disabled": "red"}


def _age(webhook: WebhookRecord) -> str:
    return "" if webhook.creation_time is None else age((datetime.now(UTC) - webhook.creation_time).total_seconds())


WEBHOOKS: View[WebhookRecord] = View(
    columns=(
        Column("NAME", lambda webhook: webhook.name),
        Column("URL", lambda webhook: webhook.url, least=24),
        Column("ON", lambda webhook: ",".join(webhook.on), least=9, spare=2),
        Column("STATE", lambda webhook: webhook.state, colour=lambda webhook: COLOURS.get(webhook.state)),
        Column("AGE", _age, spare=1),
    ),
    record=record,
    name=lambda webhook: webhook.name,
)


def facts(webhook: WebhookRecord) -> Iterator[tuple[str, str]]:
    """Yield what a person wants to know of a webhook."""
    yield "name", webhook.name
    yield "url", webhook.url
    yield "on", ", ".join(webhook.on)
    yield "targets", ", ".join(webhook.target)
    yield "tags", ", ".join(webhook.tag)
    yield "names", webhook.name_prefix and f"{webhook.name_prefix}..."
    yield "payload", webhook.payload
    yield "signed", "with ed25519" if webhook.public_key else "with HMAC-SHA256"
    yield "public key", webhook.public_key or ""
    if webhook.previous_end_time is not None:
        yield "old secret", f"signs, too, until {moment(webhook.previous_end_time)}"
    yield "state", webhook.state + (f": {webhook.reason}" if webhook.reason else "")
    yield "made", "in the configuration" if webhook.source == "config" else moment(webhook.creation_time)


def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer the names of webhooks, each with its state."""
    del param
    from kyanite.cli.webhook_register import asking

    found = asking(ctx.ensure_object(Session), "", lambda webhooks: webhooks.all())
    return [CompletionItem(each.name, help=each.state) for each in found if each.name.startswith(incomplete)]


@click.group(cls=Vocabulary, words=WORDS)
def webhook() -> None:
    """Have events sent to a URL, signed after Standard Webhooks, and see what came of it.

    They are sent by the daemon that is named, or by what has the data folder open to execute jobs. Without any,
    webhooks can be added and changed all the same. A new one is sent what happens from when it is first served.
    """


@click.command("add")
@click.argument("name")
@click.argument("url")
@click.option(
    "--on",
    multiple=True,
    type=Choice(TYPES),
    default=FINALS,
    metavar="TYPE",
    help=f"One of {', '.join(TYPES)}. Default: the final ones.",
)
@click.option("--target", multiple=True, metavar="TARGET", shell_complete=target_ids, help="Of jobs on this target.")
@click.option("--tag", multiple=True, metavar="TAG", shell_complete=tags, help="Of jobs with this tag.")
@click.option("--name-prefix", default="", metavar="START", help="Of jobs whose name begins so.")
@click.option(
    "--payload",
    type=Choice(PAYLOADS),
    default=PAYLOADS[0],
    show_default=True,
    metavar="FORM",
    help=f"How events are written: one of {', '.join(PAYLOADS)}.",
)
@click.option(
    "--kind",
    type=Choice(KINDS),
    default=KINDS[0],
    show_default=True,
    metavar="KIND",
    help="Which secret is made: hmac is known to both sides, of ed25519 the receiver has the public key.",
)
@click.option(
    "--secret-file",
    type=click.Path(dir_okay=False, path_type=str),
    metavar="FILE",
    help="A secret of your own, whsec_... or whsk_...; - for stdin.",
)
@format_option("table", "table", "json")
@pass_session
def add_webhook(session: Session, /, name: str, url: str, secret_file: str | None, style: str, **asked: Any) -> None:
    """Send events to URL from now on, and show the secret that they are signed with: this once.

    Options may be repeated; of several targets, or tags, a job needs to have one.
    """
    from kyanite.cli.webhook_register import KINDS as SCHEMES
    from kyanite.cli.webhook_register import asking

    given = {} if secret_file is None else {"secret": _secret_in(secret_file)}
    fields = {**asked, **given, "kind": SCHEMES[asked["kind"]]}
    added = asking(session, name, lambda webhooks: webhooks.add(name, url, **fields))
    show_secret(session, added, style, given=bool(given))
    say_who_delivers(session)


@click.command("list")
@format_option("table")
@pass_session
def list_webhooks(session: Session, /, style: str) -> None:
    """List the webhooks, without their secrets."""
    from kyanite.cli.webhook_register import asking

    if not show(WEBHOOKS, style, asking(session, "", lambda webhooks: webhooks.all())):
        session.say("no webhooks; `kyanite webhook add NAME URL` makes one")


@click.command("show")
@click.argument("name", shell_complete=names)
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=10, show_default=True, metavar="N", help="So many tries."
)
@format_option("table", "table", "json", "jsonl", "name")
@pass_session
def show_webhook(session: Session, /, name: str, limit: int, style: str) -> None:
    """Show one webhook: how far it is, what waits and what is dead, and the newest attempts with their answers."""
    from kyanite.cli.deliveries import mail_record, show_mail, standing_facts
    from kyanite.cli.webhook_register import asking

    found = asking(session, name, lambda webhooks: webhooks.get(name))
    if style == "name":
        show_one(WEBHOOKS, style, found, facts)
        return
    mail = _mail(session, name, limit)
    if style == "table":
        write_facts([*facts(found), *([] if mail is None else standing_facts(session, mail.standing))])
        if mail is not None:
            show_mail(mail._replace(letters=[]))
    else:
        nothing: dict[str, Any] = {"standing": None, "letters": [], "attempts": []}
        write_json({**record(found), **(nothing if mail is None else mail_record(session, mail))}, style)


def show_secret(session: Session, made: NewSecret, style: str, *, given: bool = False) -> None:
    """Print a webhook and its new secret, unless that was given and so is known."""
    secret = None if given else made.secret
    if style == "json":
        write_json({**record(made), "secret": secret}, "jsonl")
        return
    write_facts([*facts(made), ("secret", secret or "")])
    if secret is not None:
        session.say("the secret is not shown again")


def say_who_delivers(session: Session) -> None:
    """Say what it takes until anything is sent, where no daemon was asked."""
    if session.daemon is None:
        session.say("events are sent while a daemon has the folder open: `kyanite serve`")


def _mail(session: Session, name: str, count: int) -> Mail | None:
    """Return what its subscriber has not taken, and the newest attempts; `None` for one that was never delivered to."""
    from kyanite.cli.deliveries import mail_of
    from kyanite.cli.owner import looking
    from kyanite.outlets.webhooks.definition import subscriber

    try:
        return looking(session, partial(mail_of, subscriber(name), count, None))
    except Stop:
        return None


def _secret_in(file: str) -> str:
    if file == "-":
        return sys.stdin.read().strip()
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is no text"
        raise click.BadParameter(f"{file}: {reason}", param_hint="--secret-file") from None
