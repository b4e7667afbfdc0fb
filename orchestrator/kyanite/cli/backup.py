"""`kyanite backup`: a copy of everything that is stored, also while a daemon runs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kyanite.cli.exits import Exit
from kyanite.cli.opening import reading, refuse_daemon, settings
from kyanite.cli.output import format_option, write, write_json
from kyanite.cli.session import FOLDER, Session, pass_session
from kyanite.cli.views import record

if TYPE_CHECKING:
    from kyanite import Workspace
    from kyanite.runtime.backup import Backup


@click.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@format_option("table", "table", "json")
@pass_session
def backup(session: Session, /, folder: str, style: str) -> int:
    """Copy all jobs, blobs, keys and certificates to a new folder; a daemon may go on meanwhile.

    The copy is what was stored at one moment after the call. It is a data folder itself: `kyanite check --blobs
    --data-dir DIR` examines it, and to restore it is to put it in the place of the one that was lost. DIR is there once
    the copy is complete; it holds the secrets of the daemon, and only its owner can look into it. The exit code is 1 if
    the files of some blobs are lost, which are named.
    """
    refuse_daemon(session, "a backup is made where the jobs lie: there, `kyanite backup DIR --data-dir FOLDER`")
    session.left = lambda: "there is no backup"
    return reading(session, partial(_backed_up, session, Path(folder), style))


async def _backed_up(session: Session, folder: Path, style: str, _: Workspace) -> int:
    from kyanite.runtime.backup import back_up

    made = await back_up(settings(session), folder)
    write_json(record(made), style) if style == "json" else write(_told(made, folder))
    for key in made.missing:
        session.say(f"the file of {key} is lost")
    return Exit.ERROR if made.missing else Exit.OK


def _told(made: Backup, folder: Path) -> str:
    from kyanite.core.findings import size

    deleted = f", without {made.deleted:,} that were deleted meanwhile" if made.deleted else ""
    files = f", {made.files:,} of them as files of {size(made.file_bytes)}" if made.files else ""
    return f"{made.jobs:,} jobs{deleted}, {made.blobs:,} blobs{files}: {folder}"
