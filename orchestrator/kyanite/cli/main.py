"""Where the command `kyanite` begins and ends: whatever happens in between becomes an exit code and, at most, a line.

Little is imported before the first `try`, so that Ctrl-C is answered from the start.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

PROGRAM = "kyanite"
COMPLETION = "_KYANITE_COMPLETE"


def main(arguments: Sequence[str] | None = None) -> int:
    """Call `kyanite` with these arguments, and return the exit code; without any, as the process that it is."""
    if arguments is not None:
        return _called(list(arguments))
    # Most commands end before there is garbage worth collecting: looking for it, while modules are imported and when
    # the interpreter takes itself down, would be a sixth of their time.
    gc.disable()
    try:
        return _called(sys.argv[1:])
    finally:
        gc.freeze()


def _called(arguments: list[str]) -> int:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return _call(arguments)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # nobody above would do better
        return _explain(error)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _call(arguments: list[str]) -> int:
    from click.exceptions import Exit as ClickExit

    from kyanite.cli.root import root
    from kyanite.cli.session import Session

    _prepare_streams()
    if COMPLETION in os.environ:
        return _complete(os.environ[COMPLETION])
    session = Session()

    def interrupted(number: int, frame: object) -> NoReturn:
        del frame
        session.signals.append(number)  # what is raised may be lost, for instance in a destructor, but this is not
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    try:
        with root.make_context(PROGRAM, arguments, obj=session) as context:
            code = root.invoke(context)
    except ClickExit as done:
        code = done.exit_code
    except KeyboardInterrupt:
        raise session.interrupted() from None
    sys.stdout.flush()
    return int(code or 0)


def _prepare_streams() -> None:
    """Let a stream that the caller has closed lead nowhere, and letters that it does not know come out somehow."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # This takes the lowest free number, which is the stream's: no store must get it, and what is printed.
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: PTH123, SIM115  # open as long as the process
            setattr(sys, name, stream)
        if mode == "w":
            stream.reconfigure(errors="backslashreplace")


def _complete(instruction: str) -> int:
    """Answer a shell that asks for completions: with silence, if anything is wrong."""
    from click.shell_completion import shell_complete

    from kyanite.cli.root import root

    try:
        return shell_complete(root, {}, PROGRAM, COMPLETION, instruction)
    except Exception:  # noqa: BLE001  # a message would land in the middle of a line that somebody is typing
        return 1


def _explain(error: BaseException) -> int:
    from kyanite.cli.explanation import explain

    return explain(error)


def _terminated(number: int, frame: object) -> NoReturn:
    del frame
    sys.exit(128 + number)
