"""The commands of `kyanite`, for the page on the command line: what `--help` says of each, and the exit codes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from kyanite.cli.exits import MEANINGS
from kyanite.cli.root import root

PROGRAM = "kyanite"
_AS_IT_IS = "\b"  # how click is told not to wrap a paragraph


def reference() -> str:
    """Return every command, in the order of the help: what it does, how it is called, and its options."""
    context = click.Context(root, info_name=PROGRAM)
    return "\n\n".join([_options(context), *_commands(context)])


def exit_codes() -> str:
    """Return the table of exit codes."""
    rows = [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(["| code | meaning |", "|--:|---|", *rows])


def _commands(context: click.Context) -> Iterator[str]:
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _commands(inner)
        else:
            yield _described(inner)


def _described(context: click.Context) -> str:
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    text = _markdown(inspect.cleandoc(context.command.help or ""))
    return "\n\n".join(part for part in (f"### {context.command_path}", text, f"`{usage}`", _options(context)) if part)


def _options(context: click.Context) -> str:
    """A table of the options; the global ones are in that of the program itself only, and --help is in none."""
    parameters = [parameter for parameter in context.command.get_params(context) if "--help" not in parameter.opts]
    records = [parameter.get_help_record(context) for parameter in parameters]
    rows = [f"| `{_cell(names)}` | {_cell(text)} |" for names, text in filter(None, records) if text]
    return "\n".join(["| option | what it does |", "|---|---|", *rows]) if rows else ""


def _markdown(text: str) -> str:
    """A help text as Markdown: what click must not wrap stands in a block."""
    return "\n\n".join(
        f"```text\n{paragraph.removeprefix(_AS_IT_IS).strip()}\n```" if paragraph.startswith(_AS_IT_IS) else paragraph
        for paragraph in text.split("\n\n")
    )


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
