"""`kyanite` itself: its commands, its global options, its version and its exit codes."""

from __future__ import annotations

from typing import Any

import click

from kyanite.cli.exits import MEANINGS
from kyanite.cli.session import GLOBAL_OPTIONS
from kyanite.cli.vocabulary import Vocabulary

WORDS = {
    "solve": "kyanite.cli.solve:solve",
    "job": "kyanite.cli.job:job",
    "events": "kyanite.cli.events:events",
    "target": "kyanite.cli.target:target",
    "serve": "kyanite.cli.serve:serve",
    "key": "kyanite.cli.key:key",
    "webhook": "kyanite.cli.webhook:webhook",
    "subscriber": "kyanite.cli.subscriber:subscriber",
    "config": "kyanite.cli.configuration:config",
    "check": "kyanite.cli.check:check",
    "backup": "kyanite.cli.backup:backup",
    "doctor": "kyanite.cli.doctor:doctor",
    "completion": "kyanite.cli.completion:completion",
}


class Root(Vocabulary):
    """The whole vocabulary; its help also says what the exit codes mean."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of exit codes."""
        del ctx
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), meaning) for code, meaning in MEANINGS.items()])


def _version(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    del option
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"kyanite {version('kyanite')}")
        ctx.exit()


@click.group(
    cls=Root,
    words=WORDS,
    params=[
        *GLOBAL_OPTIONS,
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
        ),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def root() -> None:
    """Run optimization jobs on this machine, and keep every one of them.

    `kyanite solve problem.json` submits a problem, waits and prints its solution. Jobs are kept under ./.kyanite.
    The global options below can stand before or after the words of a command.
    """
