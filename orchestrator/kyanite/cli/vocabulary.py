"""Groups of commands: each is imported when it is called, and a misspelt one is guessed at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

import click

from kyanite.cli.exits import Exit
from kyanite.cli.session import with_global_options

SUMMARY_LENGTH_MAX = 200


class Vocabulary(click.Group):
    """Commands by name, each as `module:attribute`, in the order in which help shows them."""

    def __init__(self, *arguments: Any, words: Mapping[str, str], **attributes: Any) -> None:
        """Import nothing yet."""
        super().__init__(*arguments, **{"no_args_is_help": False} | attributes)
        self._words = words

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show what can follow, where nothing does."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(Exit.USAGE)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, most wanted first."""
        del ctx
        return list(self._words)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name in self._words and cmd_name not in self.commands:
            module, _, attribute = self._words[cmd_name].partition(":")
            self.add_command(with_global_options(getattr(import_module(module), attribute)), cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with the whole first sentence of its help."""
        commands = [(word, self.get_command(ctx, word)) for word in self._words]
        rows = [(word, command.get_short_help_str(SUMMARY_LENGTH_MAX)) for word, command in commands if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called. Raises `UsageError` with a guess at what was meant."""
        word = args[0]
        if word not in self._words and not word.startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(f"no such command: {word}{did_you_mean(word, self._words)}", ctx)
        return super().resolve_command(ctx, args)


class Choice(click.Choice[str]):
    """One of a few words, in any capitalisation; a misspelt one is guessed at."""

    def __init__(self, words: Iterable[str]) -> None:
        """Take the words as they are handed on."""
        super().__init__(tuple(words), case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word as it is spelt here. Raises `BadParameter`."""
        known = {word.lower(): word for word in self.choices}
        if str(value).lower() not in known:
            hint = did_you_mean(str(value).lower(), known) or f"; there are: {', '.join(self.choices)}"
            self.fail(f"there is no {value!r}{hint}", param, ctx)
        return known[str(value).lower()]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return what to add to the message about an unknown word: a guess, or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""
