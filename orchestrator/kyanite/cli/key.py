"""`kyanite key create|list|revoke`: who may use the daemon."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from kyanite.cli.exits import Stop
from kyanite.cli.opening import resolved
from kyanite.cli.output import View, format_option, show, show_one, write_facts, write_json
from kyanite.cli.quantity import age
from kyanite.cli.session import Session, pass_session
from kyanite.cli.table import Column
from kyanite.cli.vocabulary import Choice, Vocabulary

if TYPE_CHECKING:
    from kyanite.http.keys import Key, Keys

WORDS = {
    "create": "kyanite.cli.key:create_key",
    "list": "kyanite.cli.key:list_keys",
    "revoke": "kyanite.cli.key:revoke_key",
}
SCOPES = ("read", "submit", "admin")
NAME_LENGTH_MAX = 128


def _record(key: Key) -> dict[str, Any]:
    import msgspec

    times = {"creation_time": key.creation_time, "revocation_time": key.revocation_time}
    return {"id": key.id, "name": key.name, "scopes": key.scopes, **msgspec.to_builtins(times)}


KEYS: View[Key] = View(
    columns=(
        Column("ID", lambda key: key.id),
        Column("NAME", lambda key: key.name, least=12),
        Column("SCOPES", lambda key: ",".join(key.scopes)),
        Column("AGE", lambda key: age((datetime.now(UTC) - key.creation_time).total_seconds())),
        Column("REVOKED", lambda key: "" if key.revocation_time is None else "revoked"),
    ),
    record=_record,
    name=lambda key: key.id,
)


def _facts(key: Key) -> list[tuple[str, str]]:
    return [("id", key.id), ("name", key.name), ("revoked", str(key.revocation_time or ""))]


@click.group(cls=Vocabulary, words=WORDS)
def key() -> None:
    """Make, list and revoke the keys that clients of the daemon send."""


@click.command("create")
@click.option("--name", default="", help="What it is for; it is shown in the list.")
@click.option(
    "--scope",
    "scopes",
    type=Choice(SCOPES),
    multiple=True,
    default=("submit",),
    show_default=True,
    metavar="SCOPE",
    help="read: look; submit: that, and submit and cancel; admin: that, and remove.",
)
@format_option("table", "table", "json")
@pass_session
def create_key(session: Session, /, name: str, scopes: tuple[str, ...], style: str) -> None:
    """Make a key, and show it this once: only its hash is kept. A running daemon knows it at once."""
    from kyanite.http.scopes import Scope

    if len(name) > NAME_LENGTH_MAX:
        raise click.BadParameter(f"is longer than {NAME_LENGTH_MAX} characters", param_hint="--name")
    made, text = _keys(session).create(name, max(Scope[scope.upper()] for scope in scopes))
    if style == "json":
        write_json({"id": made.id, "key": text, "scopes": made.scopes}, "jsonl")
    else:
        write_facts([("id", made.id), ("key", text), ("scopes", ", ".join(made.scopes))])
        session.say("the key is not shown again; `export KYANITE_API_KEY=...` for the lines that `kyanite serve` shows")


@click.command("list")
@format_option("table")
@pass_session
def list_keys(session: Session, /, style: str) -> None:
    """List the keys that were ever made, also those that are revoked, without their secrets."""
    if not show(KEYS, style, _keys(session).all()):
        session.say("no keys; `kyanite key create` makes one")


@click.command("revoke")
@click.argument("key_id", metavar="ID")
@format_option("name")
@pass_session
def revoke_key(session: Session, /, key_id: str, style: str) -> None:
    """Let a key open nothing any more. A running daemon refuses it at once."""
    revoked = _keys(session).revoke(key_id)
    if revoked is None:
        raise Stop(f"there is no key {key_id!r}; `{session.again('key', 'list')}` shows those there are")
    show_one(KEYS, style, revoked, _facts)


def _keys(session: Session) -> Keys:
    from kyanite.http.keys import Keys

    return Keys(resolved(session).settings.data_dir)
