import asyncio
import sys

import pytest

from kyanite import Workspace
from kyanite.cli.main import main
from tests.plots.jobs import SPINS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data folder with one job that has ended."""
    path = tmp_path_factory.mktemp("data")

    async def solve_one():
        async with Workspace.open(data_dir=path) as workspace:

            @workspace.target("acme.solve")
            async def solve(task):
                task.note(convergence=[[0.1, 4, 3.0], [0.2, 9, -17.0]], sweeps=10)
                return SPINS

            job = await workspace.submit("acme.solve", b"", name="spins", job_id="spins-1")
            await job.wait()

    asyncio.run(solve_one())
    return path


def plot(folder, *words):
    return main(["--data-dir", str(folder), "job", "plot", *map(str, words)])


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_job_is_drawn_into_a_file(folder, tmp_path, capfd, suffix, magic):
    file = tmp_path / f"job.{suffix}"
    assert plot(folder, "spins", "-o", file) == 0
    assert file.read_bytes().startswith(magic)
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err == f"job spins-1 is drawn in {file}\n"


def test_the_svg_shows_the_job(folder, tmp_path):
    file = tmp_path / "job.svg"
    assert plot(folder, "spins-1", "-q", "-o", file) == 0
    assert "<!-- spins -->" in file.read_text()


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["spins-1", "-o", "job.gif"], 2, "'job.gif' does not end in one of .png, .svg, .pdf"),
        (["spins-1", "-o", "job"], 2, "does not end in one of .png, .svg, .pdf"),
        (["spins-1"], 2, "Missing option '-o'"),
        (["other", "-o", "job.png"], 1, "no job's id begins with 'other'"),
        (["spins-1", "-o", "nowhere/job.png"], 1, "nowhere/job.png: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(folder, tmp_path, monkeypatch, capfd, words, code, text):
    monkeypatch.chdir(tmp_path)
    assert plot(folder, *words) == code
    said = capfd.readouterr()
    assert said.err.startswith("kyanite: ")
    assert text in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_line_names_the_extra(folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert plot(folder, "spins-1", "-o", tmp_path / "job.png") == 1
    assert 'pip install "kyanite[plot]"' in capfd.readouterr().err
