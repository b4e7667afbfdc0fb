"""`kyanite key create|list|revoke`: who may use the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from kyanite.cli.exits import Stop
from kyanite.cli.opening import caring, resolved
from kyanite.cli.output import View, format_option, show, show_one, write_facts, write_json
from kyanite.cli.quantity import age
from kyanite.cli.session import Session, pass_session
from kyanite.cli.table import Column
from kyanite.cli.vocabulary import Choice, Vocabulary
from kyanite.cli.way import named
from kyanite.http.scopes import Scope

if TYPE_CHECKING:
    from kyanite.client.care import KeyRecord
    from kyanite.http.keys import Key, Keys

Known: TypeAlias = "Key | KeyRecord"
"""A key as the data folder or a daemon tells of it."""

WORDS = {
    "create": "kyanite.cli.key:create_key",
    "list": "kyanite.cli.key:list_keys",
    "revoke": "kyanite.cli.key:revoke_key",
}
EVERY = "every"
"""What stands in the place of a workspace for a key that opens all."""
NAME_LENGTH_MAX = 128


def _record(key: Known) -> dict[str, Any]:
    import msgspec

    times = {"creation_time": key.creation_time, "revocation_time": key.revocation_time}
    facts = {"id": key.id, "name": key.name, "workspace": key.workspace or None, "scopes": key.scopes}
    return {**facts, **msgspec.to_builtins(times)}


def _workspace(key: Known) -> str:
    return EVERY if key.scope == "operate" else key.workspace or ""


KEYS: View[Known] = View(
    columns=(
        Column("ID", lambda key: key.id),
        Column("NAME", lambda key: key.name, least=12),
        Column("WORKSPACE", _workspace, least=12),
        Column("SCOPES", lambda key: ",".join(key.scopes)),
        Column("AGE", lambda key: age((datetime.now(UTC) - key.creation_time).total_seconds())),
        Column("REVOKED", lambda key: "" if key.revocation_time is None else "revoked"),
    ),
    record=_record,
    name=lambda key: key.id,
)


def _facts(key: Known) -> list[tuple[str, str]]:
    revoked = str(key.revocation_time or "")
    return [("id", key.id), ("name", key.name), ("workspace", _workspace(key)), ("revoked", revoked)]


@click.group(cls=Vocabulary, words=WORDS)
def key() -> None:
    """Make, list and revoke the keys that clients of the daemon send."""


@click.command("create")
@click.option("--name", default="", help="What it is for; it is shown in the list.")
@click.option(
    "--scope",
    "scopes",
    type=Choice(Scope.OPERATE.included),
    multiple=True,
    default=("submit",),
    show_default=True,
    metavar="SCOPE",
    help="read: look; submit: that, and submit and cancel; admin: that, and remove; operate: all workspaces.",
)
@format_option("table", "table", "json")
@pass_session
def create_key(session: Session, /, name: str, scopes: tuple[str, ...], style: str) -> None:
    """Make a key for one workspace, and show it this once: only its hash is kept. A running daemon knows it at once.

    The workspace is that of --workspace, or of the configuration; a key of scope operate opens all.
    """
    if len(name) > NAME_LENGTH_MAX:
        raise click.BadParameter(f"is longer than {NAME_LENGTH_MAX} characters", param_hint="--name")
    scope = max(Scope[scope.upper()] for scope in scopes)
    if scope is Scope.OPERATE and session.workspace is not None:
        raise click.BadParameter("operate opens every workspace; leave --workspace out", param_hint="--scope")
    made, text = _created(session, name, scope)
    if style == "json":
        write_json({"id": made.id, "key": text, "workspace": made.workspace or None, "scopes": made.scopes}, "jsonl")
    else:
        facts = [("id", made.id), ("key", text), ("workspace", _workspace(made)), ("scopes", ", ".join(made.scopes))]
        write_facts(facts)
        session.say("the key is not shown again; `export KYANITE_API_KEY=...` for the lines that `kyanite serve` shows")


@click.command("list")
@format_option("table")
@pass_session
def list_keys(session: Session, /, style: str) -> None:
    """List the keys that were ever made, also those that are revoked, without their secrets."""
    way = named(session)
    found: Sequence[Known]
    found = _keys(session).all() if way is None else caring(session, way, lambda care: care.keys())
    if not show(KEYS, style, found):
        session.say("no keys; `kyanite key create` makes one")


@click.command("revoke")
@click.argument("key_id", metavar="ID")
@format_option("name")
@pass_session
def revoke_key(session: Session, /, key_id: str, style: str) -> None:
    """Let a key open nothing any more. A running daemon refuses it at once."""
    way = named(session)
    revoked: Known | None
    if way is None:
        revoked = _keys(session).revoke(key_id)
    else:
        revoked = caring(session, way, lambda care: care.revoke_key(key_id))
    if revoked is None:
        raise Stop(f"there is no key {key_id!r}; `{session.again('key', 'list')}` shows those there are")
    show_one(KEYS, style, revoked, _facts)


def _created(session: Session, name: str, scope: Scope) -> tuple[Known, str]:
    """Make a key in the data folder, or have a daemon make one; return it with its text."""
    way = named(session)
    if way is None:
        return _keys(session).create(name, scope, resolved(session).settings.workspace)
    made = caring(session, way, lambda care: care.create_key(name, scope.name.lower()))
    return made, made.key


def _keys(session: Session) -> Keys:
    from kyanite.http.keys import Keys

    # What a key opens that names no workspace is the daemon's to say, whose configuration may be another.
    return Keys(resolved(session).settings.data_dir, "")
