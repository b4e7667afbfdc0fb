"""What went wrong, in one line on stderr, and the exit code that goes with it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import click

from kyanite.cli.exits import Exit, Stop
from kyanite.cli.screen import coloured, plain

DEBUG = "KYANITE_DEBUG"


def explain(error: BaseException) -> int:
    """Print the line, and return the exit code."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text, code = explanation(error)
    if os.environ.get(DEBUG) and not isinstance(error, Stop | click.ClickException):
        _trace(error)
    with suppress(OSError):  # nobody reads stderr either: the exit code says it all
        _say(text)
    _give_up_stdout()
    return code


def explanation(error: BaseException) -> tuple[str, int]:
    """Return a line about an error, and its exit code."""
    match error:
        case Stop():
            return str(error), error.code
        case click.UsageError():
            return _usage(error), Exit.USAGE
        case KeyboardInterrupt():
            return "interrupted", Exit.INTERRUPTED
        case BrokenPipeError():
            return "", Exit.BROKEN_PIPE
        case TimeoutError():
            return "the time is over", Exit.TIMED_OUT
        case _:
            return plain(_other(error)), Exit.ERROR


def _say(text: str) -> None:
    name = click.style("kyanite:", fg="red") if coloured(sys.stderr) else "kyanite:"
    if text:
        click.echo(f"{name} {text}", err=True)


def _usage(error: click.UsageError) -> str:
    see = f" See `{error.ctx.command_path} --help`." if error.ctx else ""
    text = plain(error.format_message())
    return f"{text if text.endswith(('.', '?', ')')) else text + '.'}{see}"


def _other(error: BaseException) -> str:
    from kyanite.errors import KyaniteError

    reason = str(error).partition("\n")[0]
    if isinstance(error, KyaniteError | click.ClickException):
        return reason
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {error.strerror or reason}"
    if isinstance(error, MemoryError):
        return "out of memory"
    return f"unexpected {type(error).__name__}{f': {reason}' if reason else ''}; {DEBUG}=1 shows where it comes from"


def _trace(error: BaseException) -> None:
    from traceback import print_exception

    with suppress(OSError):
        print_exception(error)


def _give_up_stdout() -> None:
    """Write what is left; where that fails, let it go, so that the interpreter does not complain about it again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
