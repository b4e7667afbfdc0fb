"""`kyanite target list` and `kyanite target show`: where jobs can go."""

from __future__ import annotations

import click

from kyanite.cli.completion import target_ids
from kyanite.cli.exits import Stop
from kyanite.cli.opening import targets
from kyanite.cli.output import format_option, show, show_one
from kyanite.cli.session import Session, pass_session
from kyanite.cli.views import TARGETS, target_facts
from kyanite.cli.vocabulary import Vocabulary, did_you_mean

WORDS = {"list": "kyanite.cli.target:list_targets", "show": "kyanite.cli.target:show_target"}


@click.group(cls=Vocabulary, words=WORDS)
def target() -> None:
    """See where jobs can go."""


@click.command("list")
@format_option("table")
@pass_session
def list_targets(session: Session, /, style: str) -> None:
    """List the targets of the installed providers, or of a daemon."""
    if not show(TARGETS, style, targets(session)):
        session.say("no targets: no provider is installed")


@click.command("show")
@click.argument("target_id", metavar="TARGET", shell_complete=target_ids)
@format_option("table")
@pass_session
def show_target(session: Session, /, target_id: str, style: str) -> None:
    """Show one target."""
    known = {each.id: each for each in targets(session)}
    if target_id not in known:
        hint = did_you_mean(target_id, known) or f"; there are: {', '.join(known) or 'none'}"
        raise Stop(f"there is no target {target_id!r}{hint}")
    show_one(TARGETS, style, known[target_id], target_facts)
