"""`kyanite serve`: the workspace behind HTTP, until it is told to stop."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kyanite.cli.opening import refuse_daemon, resolved, settings
from kyanite.cli.output import compact, format_option, write
from kyanite.cli.session import Session, pass_session

if TYPE_CHECKING:
    from kyanite.config import Settings
    from kyanite.http.daemon import Running


@click.command()
@click.option(
    "--listen", metavar="HOST:PORT", help="Where; port 0 is any that is free. Default: server.listen, 127.0.0.1:8473."
)
@click.option("--dev-tls", is_flag=True, help="Speak TLS, with a certificate that is made for localhost.")
@format_option("table", "table", "json")
@pass_session
def serve(session: Session, /, listen: str | None, dev_tls: bool, style: str) -> None:  # noqa: FBT001  # a flag
    """Keep the workspace open behind HTTP, for the clients of Azure Quantum and for curl.

    It says how each kind of client reaches it; with -o json, its address and its targets on one line. On this machine
    no key is needed; elsewhere it listens once `kyanite key create` has made one. SIGTERM or Ctrl-C ends it as soon as
    executing jobs have ended, after server.drain_s at most; a second one lets go of them at once. Jobs that have not
    ended go on at the next start. SIGHUP reads the configuration again, for the log level and the quotas.
    """
    import asyncio

    refuse_daemon(session, "a daemon is started where its jobs lie, with --data-dir")

    from kyanite.cli.loglines import log_lines
    from kyanite.http import daemon
    from kyanite.http.loop import new_loop, raise_file_limit

    session.flags["server.listen"] = listen

    async def run() -> None:
        gc.freeze()  # what is imported by now will stay
        gc.enable()  # `main` has turned it off for commands that are over in a moment
        await daemon.serve(
            _settings(session),
            dev_tls=dev_tls,
            started=lambda running: _greet(running, session, style),
            reread=lambda: _settings(replace(session, resolved=None)),
        )

    with log_lines(session, resolved(session)), asyncio.Runner(loop_factory=new_loop) as runner:
        raise_file_limit()
        runner.run(run())


def _settings(session: Session) -> Settings:
    """Return the settings, with the log level that -q and -v leave of theirs."""
    from msgspec.structs import replace

    from kyanite.cli.loglines import level

    chosen = settings(session)
    return replace(chosen, log=replace(chosen.log, level=level(session, resolved(session))))


def _greet(running: Running, session: Session, style: str) -> None:
    from kyanite.http.greeting import greeting

    running.service.state.origins = resolved(session).origins
    reach = running.reach()
    if style == "json":
        write(compact({"address": reach.address, "targets": reach.targets}))
    else:
        write(reach.address if session.quiet else greeting(reach))
    sys.stdout.flush()  # scripts wait for it
