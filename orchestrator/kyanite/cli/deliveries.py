"""Subscribers as commands show them: how one stands, its letters and its attempts; and how it is offered some anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from kyanite.cli.exits import Stop
from kyanite.cli.opening import writing
from kyanite.cli.output import View, show, write, write_json
from kyanite.cli.owner import looking
from kyanite.cli.quantity import age, duration, moment
from kyanite.cli.session import Session
from kyanite.cli.table import Column
from kyanite.cli.views import record
from kyanite.cli.vocabulary import did_you_mean

if TYPE_CHECKING:
    from kyanite import Workspace
    from kyanite.core.letters import Attempt, Letter, Standing

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

SHOWN = 10
"""How many letters, and how many attempts, are shown unless it is said."""


class Mail(NamedTuple):
    """A subscriber, some of its letters, and its newest attempts."""

    standing: Standing
    letters: list[Letter]
    attempts: list[Attempt]


def _running(session: Session, standing: Standing) -> bool | None:
    """Tell whether it is delivered to: only who has the store open knows."""
    return standing.running if session.daemon is not None else None


def standings(session: Session) -> View[Standing]:
    """Return how subscribers are listed, of which the session's daemon has told, if any has."""
    return View(
        columns=(
            Column("NAME", lambda standing: standing.name),
            Column("POSITION", lambda standing: str(standing.position)),
            Column("BEHIND", lambda standing: str(standing.behind)),
            Column("WAITING", lambda standing: str(standing.waiting)),
            Column(
                "DEAD", lambda standing: str(standing.dead), colour=lambda standing: "red" if standing.dead else None
            ),
            Column("RUNNING", lambda standing: _word(_running(session, standing)), spare=1),
            Column("SEEN", lambda standing: _ago(standing.seen_time), spare=2),
        ),
        record=partial(standing_record, session),
        name=lambda standing: standing.name,
    )


def _status(attempt: Attempt) -> str:
    return ("taken" if attempt.taken else "failed") if attempt.status is None else str(attempt.status)


LETTERS: View[Letter] = View(
    columns=(
        Column("POSITION", lambda letter: str(letter.position)),
        Column("JOB", lambda letter: letter.job_id),
        Column("TRIES", lambda letter: str(letter.attempts), spare=2),
        Column("SINCE", lambda letter: _ago(letter.first_time), spare=1),
        Column("AGAIN", lambda letter: "dead" if letter.due_time is None else _ahead(letter.due_time)),
        Column("ERROR", lambda letter: letter.error, least=20),
    ),
    record=record,
    name=lambda letter: str(letter.position),
)

ATTEMPTS: View[Attempt] = View(
    columns=(
        Column("TIME", lambda attempt: moment(attempt.time), spare=2),
        Column("POSITION", lambda attempt: str(attempt.position)),
        Column("JOB", lambda attempt: attempt.job_id),
        Column("TRY", lambda attempt: str(attempt.number), spare=1),
        Column("STATUS", _status, colour=lambda attempt: "green" if attempt.taken else "red"),
        Column("TOOK", lambda attempt: duration(attempt.latency_s)),
        Column("ANSWER", lambda attempt: ": ".join(filter(None, (attempt.error, attempt.excerpt))), least=20),
    ),
    record=record,
    name=lambda attempt: str(attempt.position),
)


def standing_record(session: Session, standing: Standing) -> dict[str, Any]:
    """Return how a subscriber stands, as JSON knows values."""
    return {**record(standing), "running": _running(session, standing)}


def standing_facts(session: Session, standing: Standing) -> Iterator[tuple[str, str]]:
    """Yield what a person wants to know of how a subscriber stands."""
    yield "position", str(standing.position)
    yield "behind", f"{standing.behind:,} positions"
    yield "waiting", f"{standing.waiting:,} letters"
    yield "dead", f"{standing.dead:,} letters"
    yield "running", _word(_running(session, standing))
    yield "seen", moment(standing.seen_time)


def show_mail(mail: Mail) -> None:
    """Print tables of a subscriber's letters and attempts, as far as there are any."""
    if mail.letters:
        write("\nletters")
        show(LETTERS, "table", mail.letters)
    if mail.attempts:
        write("\nnewest attempts")
        show(ATTEMPTS, "table", mail.attempts)


def mail_record(session: Session, mail: Mail) -> dict[str, Any]:
    """Return them as JSON knows values."""
    return {
        "standing": standing_record(session, mail.standing),
        "letters": [record(letter) for letter in mail.letters],
        "attempts": [record(attempt) for attempt in mail.attempts],
    }


async def mail_of(name: str, count: int, dead: bool | None, workspace: Workspace) -> Mail:  # noqa: FBT001  # of a filter
    """Return a subscriber with at most so many letters and attempts. Raises `Stop` for one that there is none of."""
    deliveries = workspace.deliveries
    known = {standing.name: standing for standing in await deliveries.subscribers()}
    if name not in known:
        hint = did_you_mean(name, known) or f"; there are: {', '.join(known) or 'none'}"
        raise Stop(f"there is no subscriber {name!r}{hint}")
    letters = await first(deliveries.letters(name, dead=dead), count)
    return Mail(known[name], letters, await first(deliveries.attempts(name), count))


async def first(source: AsyncIterator[T], count: int) -> list[T]:
    """Return the first of what there is."""
    found: list[T] = []
    async for item in source:
        found.append(item)
        if len(found) == count:
            break
    return found


# Replaying ------------------------------------------------------------------------------------------------------------

_REPLAY = (
    click.option("--dead", is_flag=True, help="All its dead letters."),
    click.option(
        "--position", "positions", type=click.IntRange(1), multiple=True, metavar="N", help="The event there."
    ),
    click.option("--after", type=click.IntRange(0), metavar="N", help="Its events of the log behind this position."),
    click.option("--until", type=click.IntRange(0), metavar="N", help="With --after: up to this position."),
)


def replay_options(command: F) -> F:
    """Give a command what says which events, under the names that `replay` has for them."""
    return reduce(lambda made, option: option(made), reversed(_REPLAY), command)


def replayed(session: Session, name: str, style: str, asked: dict[str, Any]) -> None:
    """Have events offered to a subscriber anew, and print how many. Raises `UsageError`, `Stop`."""
    if not (asked["dead"] or asked["positions"] or asked["after"] is not None):
        raise click.UsageError("say which events: --dead, --position N, or --after N")
    if asked["until"] is not None and asked["after"] is None:
        raise click.UsageError("--until goes with --after")
    looking(session, partial(mail_of, name, 1, None))  # before a folder is opened, and maybe made, for a name of none
    count = writing(session, lambda workspace: workspace.deliveries.replay(name, **asked))
    if style == "json":
        write_json({"subscriber": name, "letters": count}, "jsonl")
    else:
        write(str(count))
        session.say(f"events that {name} is offered anew" + ("" if session.daemon else ", once it is delivered to"))


def _word(running: bool | None) -> str:  # noqa: FBT001  # of a column
    return "unknown" if running is None else "yes" if running else "no"


def _ago(time: datetime) -> str:
    return age((datetime.now(UTC) - time).total_seconds())


def _ahead(time: datetime) -> str:
    return f"in {duration(max((time - datetime.now(UTC)).total_seconds(), 0.0))}"
