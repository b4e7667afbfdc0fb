"""What the shell offers at the Tab key: ids of jobs, targets, tags; and the scripts that teach it to ask.

Nothing here creates, locks or changes anything. Where something is wrong, `main` sees to it that nothing is offered
and nothing is said: somebody is typing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from kyanite.cli.opening import reading, targets
from kyanite.cli.output import write
from kyanite.cli.session import Session
from kyanite.cli.vocabulary import Choice

if TYPE_CHECKING:
    from kyanite import JobDetails, Workspace

Items = list[CompletionItem[str]]
Completer = Callable[[click.Context, click.Parameter, str], Items]

OFFERED_MAX = 50
"""How many jobs the shell is offered: the newest."""
TAGGED_MAX = 200
"""In how many jobs tags are looked for: the newest."""
SHELLS = ("bash", "zsh", "fish")
UNFINISHED = ("Waiting", "Executing")


def job_ids(*status: str) -> Completer:
    """Return a completer for ids of jobs (of these statuses), the newest first, each with its name and status."""

    def offer(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        given = ctx.params.get(param.name or "") or ()
        jobs = _newest(ctx, limit=OFFERED_MAX, id_prefix=incomplete, status=status)
        return [
            CompletionItem(details.id, help=f"{details.name} ({details.status.value})")
            for details in jobs
            if details.id not in given
        ]

    return offer


def target_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer targets, each with its description."""
    del param
    known = targets(ctx.ensure_object(Session))
    return [CompletionItem(target.id, help=target.description) for target in known if incomplete in target.id]


def providers(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer the providers of all targets."""
    del param
    found = {target.provider_id for target in targets(ctx.ensure_object(Session))}
    return [CompletionItem(provider) for provider in sorted(found) if provider.startswith(incomplete)]


def tags(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """Offer the tags of the newest jobs."""
    del param
    found = dict.fromkeys(tag for details in _newest(ctx, limit=TAGGED_MAX) for tag in details.tags)
    return [CompletionItem(tag) for tag in found if tag.startswith(incomplete)]


def _newest(ctx: click.Context, **filters: Any) -> list[JobDetails]:
    async def listed(workspace: Workspace) -> list[JobDetails]:
        return [job.details async for job in workspace.list_jobs(descending=True, **filters)]

    return reading(ctx.ensure_object(Session), listed)


# \b keeps click from filling the lines.
HELP = """Print the script that completes commands.

It is for bash, zsh or fish, and completes ids of jobs and targets, too.

\b
bash:  eval "$(kyanite completion bash)"     in ~/.bashrc
zsh:   eval "$(kyanite completion zsh)"      in ~/.zshrc, behind compinit
fish:  kyanite completion fish | source      in ~/.config/fish/config.fish
"""


@click.command(help=HELP)
@click.argument("shell", type=Choice(SHELLS))
def completion(shell: str) -> None:
    """Print a shell's completion script."""
    from kyanite.cli.main import COMPLETION, PROGRAM

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  # the three are click's own
    # Not the class's own `source`, which starts a bash to ask for its version.
    script = ShellComplete.source(kind(click.Command(PROGRAM), {}, PROGRAM, COMPLETION))
    write(script)
