"""As a person sees it: on a terminal, so wide, with colours."""

import asyncio
import re

import pytest

from kyanite import Workspace
from kyanite.cli.screen import cells
from tests.cli.places import child, on_terminal

COLOUR = re.compile(r"\x1b\[\d+m")


@pytest.mark.parametrize("columns", [70, 80, 120])
def test_a_list_fits_and_ids_are_whole(jobs, columns):
    code, shown = on_terminal("job", "list", "--data-dir", jobs[0], columns=columns)
    lines = COLOUR.sub("", shown).splitlines()
    assert code == 0
    assert all(cells(line) <= columns for line in lines)
    assert [line.split()[0] for line in lines[1:]] == list(jobs[1].values())
    assert "\x1b[31mFailed\x1b[0m" in shown
    assert "\x1b[32mSucceeded\x1b[0m" in shown


def test_no_colours_for_those_who_want_none(jobs):
    for words, env in ((("--no-color",), {}), ((), {"NO_COLOR": "1"})):
        code, shown = on_terminal("job", "list", *words, "--data-dir", jobs[0], env=env)
        assert code == 0
        assert "\x1b" not in shown


def test_an_error_has_its_name_in_red(jobs):
    code, shown = on_terminal("job", "show", "nope", "--data-dir", jobs[0])
    assert code == 1
    assert shown.startswith("\x1b[31mkyanite:\x1b[0m no job's id begins with 'nope'")


async def submit_bytes(folder):
    async with Workspace.open(data_dir=folder) as workspace:

        @workspace.target("acme.bytes")
        async def bytes_only(task):
            await task.write_output(b"\x00\xff")

        return (await (await workspace.submit("acme.bytes", "x")).wait()).id


def test_output_that_is_no_text_stays_away_from_a_terminal(tmp_path, call):
    job_id = asyncio.run(submit_bytes(tmp_path))
    for words in ((), ("--raw",)):
        code, shown = on_terminal("job", "output", job_id, *words, "--no-color", "--data-dir", tmp_path)
        assert (code, shown) == (1, "kyanite: the output is not text; -f FILE writes it to a file\n")
        done = child("job", "output", job_id, *words, "--data-dir", tmp_path, text=False)
        assert done.communicate() == (b"\x00\xff", b"")
    assert call("job", "output", job_id, "-f", tmp_path / "out", "-q", "--data-dir", tmp_path) == (0, "", "")
    assert (tmp_path / "out").read_bytes() == b"\x00\xff"
