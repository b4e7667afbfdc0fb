"""The global options: what holds for a whole call of `kyanite`, wherever on the command line it was written."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from kyanite.cli.exits import Stop

if TYPE_CHECKING:
    from kyanite.config import Resolved

NAMED_MAX = 3
"""More jobs are not named one by one."""


def nothing_left() -> str:
    """Say what an interrupt leaves behind that comes before anything was done."""
    return "nothing was submitted or changed"


@dataclass
class Session:
    """What the global options say, and what an interrupt leaves behind."""

    data_dir: str | None = None
    endpoint: str | None = None
    workspace: str | None = None
    config: str | None = None
    quiet: bool = False
    verbose: int = 0
    no_color: bool = False
    flags: dict[str, Any] = field(default_factory=dict)
    """What options of the command itself say of settings, by dotted path."""
    resolved: Resolved | None = None
    """The settings that these options lead to, once `opening` has asked for them."""
    daemon: str | None = None
    """The address of the daemon that does what is asked for, once it is clear that one does."""
    left: Callable[[], str] = nothing_left
    """Says what a Ctrl-C that came now has left behind; asked when the workspace is closed."""
    signals: list[int] = field(default_factory=list)
    """The signals that asked for the end."""
    _told: bool = False

    @property
    def ends(self) -> bool:
        """Whether a signal has come, so that nothing more is begun but looking at what is left."""
        return bool(self.signals) and not self._told

    def interrupted(self) -> Stop:
        """Return what ends the command after a signal, having looked at what is left."""
        self._told = True
        return Stop(f"interrupted; {self.left()}", 128 + (self.signals or [signal.SIGINT])[0])

    def say(self, text: str) -> None:
        """Talk to the person at the terminal: on stderr, and not at all with --quiet."""
        if not self.quiet:
            click.echo(text, err=True)

    def again(self, *words: str) -> str:
        """Return a command line that meets the same workspace."""
        given = {
            "--data-dir": self.data_dir,
            "--endpoint": self.endpoint,
            "--workspace": self.workspace,
            "--config": self.config,
        }
        options = [word for name, value in given.items() if value is not None for word in (name, value)]
        return shlex.join(["kyanite", *words, *options])

    def kept(self, *job_ids: str) -> str:
        """Say how to come back to jobs that have not ended, and how to give them up."""
        if len(job_ids) > NAMED_MAX:
            return f"{len(job_ids)} jobs are kept: `{self.again('job', 'watch')}` goes on with all that have not ended"
        which = f"job {job_ids[0]} is" if len(job_ids) == 1 else f"{len(job_ids)} jobs are"
        wait, cancel = self.again("job", "wait", *job_ids), self.again("job", "cancel", *job_ids)
        return f"{which} kept: `{wait}` goes on, `{cancel}` gives up"


pass_session = click.make_pass_decorator(Session, ensure=True)


class GlobalOption(click.Option):
    """An option that every command takes; only the help of `kyanite` itself describes it."""

    def __init__(self, *declarations: str, **attributes: Any) -> None:
        """Keep the value in the session instead of handing it to the command."""
        super().__init__(declarations, expose_value=False, callback=_keep, **attributes)

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Describe the option where nothing stands above."""
        return super().get_help_record(ctx) if ctx.parent is None else None


def _keep(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    if not value or option.name is None:
        return
    setattr(ctx.ensure_object(Session), option.name, value)
    if option.name == "no_color":
        os.environ["NO_COLOR"] = "1"  # so that every library that draws hears of it


FOLDER = click.Path(file_okay=False, path_type=str)
FILE = click.Path(dir_okay=False, path_type=str)

GLOBAL_OPTIONS = (
    GlobalOption(
        "--data-dir", metavar="DIR", type=FOLDER, help="Where jobs lie; or KYANITE_DATA_DIR. Default: ./.kyanite"
    ),
    GlobalOption(
        "--endpoint",
        metavar="URL",
        help="A daemon that has the jobs, instead; or KYANITE_ENDPOINT. Its key goes into KYANITE_API_KEY.",
    ),
    GlobalOption(
        "-w",
        "--workspace",
        metavar="NAME",
        help="Whose jobs: a script of the SDK names its workspace. Or KYANITE_WORKSPACE. Default: default",
    ),
    GlobalOption("--config", metavar="FILE", type=FILE, help="A TOML file of settings; or KYANITE_CONFIG."),
    GlobalOption("-q", "--quiet", is_flag=True, help="Only data and errors: no talk on stderr."),
    GlobalOption("-v", "--verbose", count=True, help="Log lines on stderr; twice for more of them."),
    GlobalOption("--no-color", is_flag=True, help="No colours; NO_COLOR in the environment does the same."),
)


def with_global_options(command: click.Command) -> click.Command:
    """Let a command take the global options too, but for those whose names it uses itself."""
    taken = {name for parameter in command.params for name in parameter.opts}
    command.params += [option for option in GLOBAL_OPTIONS if not taken.intersection(option.opts)]
    if command.epilog is None:
        command.epilog = "The options of `kyanite` itself can stand here too; see `kyanite --help`."
    return command
