"""What arrives as an argument is what the event says, letter by letter."""

import re

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kyanite.core.events import Began, Failed, RetryScheduled
from kyanite.core.job import ErrorData
from kyanite.errors import ConfigError
from kyanite.outlets.hooks.arguments import PLACEHOLDERS, VALUE_LENGTH_MAX, checked, filled
from kyanite.outlets.hooks.command import run
from tests.house.tree import ROOT
from tests.outlets.hooks.jobs import TIME, details, event


def put(argument, happened=None, **fields):
    (_, text) = filled(["program", argument], happened or event(), details(**fields))
    return text.decode()


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("{job.id}", "j1"),
        ("<{job.name}> is {job.status}", "<A job> is Succeeded"),
        ("{job.target} {job.provider_id} {job.workspace}", "local.echo local default"),
        ("{job.tags}", "night,one, two"),
        ("[{job.session_id}]", "[]"),
        ("{event.type} {event.id} {event.version} {event.position}", "Succeeded e7 3 12"),
        ("{event.time}", "2026-05-04T03:02:01+00:00"),
        ("[{error.code}{error.message}]", "[]"),
        ("{{job.id}}", "{job.id}"),
        ("{{{job.id}}}", "{j1}"),
        ('{{"id": "{job.id}"}}', '{"id": "j1"}'),
        ("$(x) `x` ;|&<>*?~!# 'a' \"b\" \\ \n", "$(x) `x` ;|&<>*?~!# 'a' \"b\" \\ \n"),
        ("", ""),
    ],
)
def test_a_placeholder_is_what_the_event_says(argument, text):
    assert put(argument) == text


def test_the_page_has_every_placeholder_and_no_other():
    rows = re.findall(r"^\| (`\{.+?) \|", (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(re.findall(r"`\{(.+?)\}`", "".join(rows))) == sorted(PLACEHOLDERS)


def test_what_was_put_in_is_not_read_again():
    assert put("{job.name}", name="{job.id} {{}} {nothing}") == "{job.id} {{}} {nothing}"


def test_an_error_is_that_of_the_event_or_else_of_the_job():
    failed = event(Failed, error=ErrorData("Refused", "no such qubit"))
    assert put("{error.code}: {error.message}", failed) == "Refused: no such qubit"
    again = event(RetryScheduled, error=ErrorData("Busy", "later"), not_before=TIME)
    assert put("{error.code}", again, error_data=ErrorData("Refused", "no")) == "Busy"
    assert put("{error.code}", event(Began, attempt=1), error_data=ErrorData("Refused", "no")) == "Refused"


def test_values_are_bounded_and_have_no_zero_bytes():
    assert put("{job.name}!", name="ä" * 5_000) == "ä" * VALUE_LENGTH_MAX + "!"
    assert put("{job.name}", name="a\0b") == "ab"
    assert put("{job.name}", name="a\ud800b") == "a?b"


def test_the_program_is_run_as_it_is_written():
    assert filled(["/opt/{{x}}", "{job.id}"], event(), details()) == [b"/opt/{{x}}", b"j1"]
    checked("hooks.0.run", ["/opt/{{x}}", "{job.id}"])
    with pytest.raises(ConfigError, match=r"hooks\.0\.run\.0 is the program, in which nothing is replaced"):
        checked("hooks.0.run", ["/opt/{job.target}"])


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ([], "hooks.3.run names no program"),
        (["", "x"], "hooks.3.run names no program"),
        (["x", "\0"], "hooks.3.run.1 has a zero byte in it"),
        (["x", "y", "{job.nam}"], "hooks.3.run.2 has {job.nam} in it; there are {job.id}, {job.name}, "),
        (["x", "{}"], "hooks.3.run.1 has {} in it; there are"),
        (["x", "{ job.id }"], "hooks.3.run.1 has { job.id } in it; there are"),
        (["x", "{job.id!r}"], "hooks.3.run.1 has {job.id!r} in it; there are"),
        (["x", "{job.id"], "hooks.3.run.1 has { in it; there are"),
        (["x", "a } b"], "hooks.3.run.1 has } in it; there are"),
        (["x", "{{job.id}"], "hooks.3.run.1 has } in it; there are"),
    ],
)
def test_what_is_no_placeholder_is_refused_with_those_there_are(command, problem):
    with pytest.raises(ConfigError) as error:
        checked("hooks.3.run", command)
    assert str(error.value).startswith(f"The configuration is not valid: {problem}")
    if "there are" in problem:
        assert all(f"{{{name}}}" in str(error.value) for name in PLACEHOLDERS)
        assert str(error.value).endswith(", and {{ }} for braces")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=20))
@example(
    ["$(touch pwned)", "`id`", "; true", "&& true", "| cat", "> file", "a b\tc\nd", "'", '"', "\\", "*", "~", "$HOME"]
)
@example(["-n", "--", "--help", "-", "", " ", "%s", "\x1b[31m", "é😀", "{job.id}"])
def test_whatever_a_job_is_called_arrives_unchanged(texts):
    command = ["printf", r"%s\0", "{job.name}", *(text.replace("{", "{{").replace("}", "}}") for text in texts)]
    command = [command[0], *(argument.replace("\0", "") for argument in command[1:])]
    checked("hooks.0.run", command)
    outcome = anyio.run(run, filled(command, event(), details(name=texts[0])), b"", {"PATH": "/usr/bin:/bin"}, 10.0)
    expected = [text.replace("\0", "").encode(errors="replace") for text in (texts[0], *texts)]
    assert (outcome.status, outcome.output.split(b"\0")) == (0, [*expected, b""])
