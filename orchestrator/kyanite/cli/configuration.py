"""`kyanite config show`: every setting as it applies, and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kyanite.cli.opening import caring, resolved
from kyanite.cli.output import View, format_option, show, write
from kyanite.cli.session import Session, pass_session
from kyanite.cli.table import Column
from kyanite.cli.vocabulary import Vocabulary
from kyanite.cli.way import named

if TYPE_CHECKING:
    from kyanite.config import Row

WORDS = {"show": "kyanite.cli.configuration:show_config"}

ROWS: View[Row] = View(
    columns=(
        Column("SETTING", lambda row: row.path),
        Column("VALUE", lambda row: row.value, least=10),
        Column("ORIGIN", lambda row: row.origin, least=12),
    ),
    record=lambda row: row._asdict(),
    name=lambda row: row.path,
)


@click.group("config", cls=Vocabulary, words=WORDS)
def config() -> None:
    """See the settings."""


@click.command("show")
@click.option("--origin", is_flag=True, help="Say where each value comes from, line by line.")
@format_option("toml", "toml", "table", "json", "jsonl", "name")
@pass_session
def show_config(session: Session, /, origin: bool, style: str) -> None:  # noqa: FBT001  # a flag
    """Show every setting as it applies: the command line over the environment over the file over the defaults.

    As TOML, it is a file for --config. Secrets are never shown. With --endpoint, the settings are those of the daemon.
    """
    way = named(session)
    if way is None:
        found = resolved(session)
        rows, toml = found.rows(), found.toml()
    else:
        rows, toml = caring(session, way, lambda care: care.settings())
    if style == "toml" and not origin:
        write(toml, end="")
    else:
        show(ROWS, "table" if style == "toml" else style, rows)
