import os
import shutil
import subprocess
import sys

import pytest

from kyanite.cli.completion import SHELLS
from kyanite.cli.main import main
from kyanite.cli.submission import DEFAULT_TARGET
from tests.cli.places import environment


@pytest.fixture
def offered(capfd, monkeypatch, jobs):
    """What fish would be offered for these words: values with their help."""

    def complete(*words, folder=jobs[0]):
        *before, incomplete = [str(word) for word in words]
        monkeypatch.setenv("_KYANITE_COMPLETE", "fish_complete")
        monkeypatch.setenv("KYANITE_DATA_DIR", str(folder))
        monkeypatch.setenv("COMP_WORDS", " ".join(["kyanite", *before]))
        monkeypatch.setenv("COMP_CWORD", incomplete)
        code = main([])
        out, err = capfd.readouterr()
        assert err == ""
        items = [line.split(",", 1)[1].split("\t") for line in out.splitlines() if line]
        return code, {value: rest[0] if rest else "" for value, *rest in items}

    return complete


def test_commands_and_options(offered):
    code, items = offered("")
    assert (code, items["solve"]) == (0, "Solve the problem in FILE.")
    assert {"job", "target", "completion"} <= set(items)
    assert set(offered("job", "st")[1]) == {"story"}
    assert {"--status", "--data-dir"} <= set(offered("job", "list", "--")[1])


def test_ids_of_jobs_the_newest_first(offered, jobs):
    ids = jobs[1]
    code, items = offered("job", "show", "")
    assert code == 0
    assert list(items) == [ids[name] for name in ("waiting", "given up", "slow", "bad", "good")]
    assert items[ids["bad"]] == "bad (Failed)"
    assert list(offered("job", "show", ids["good"][:-1])[1]) == [ids["good"]]
    assert list(offered("job", "cancel", "")[1]) == [ids["waiting"]]
    assert offered("job", "wait", ids["waiting"], "")[1] == {}


def test_values_of_options(offered):
    statuses = {"waiting", "executing", "succeeded", "failed", "cancelled"}
    assert set(offered("job", "list", "--status", "")[1]) == statuses
    assert set(offered("job", "list", "--status", "W")[1]) == {"waiting"}
    assert set(offered("job", "list", "-o", "")[1]) == {"table", "json", "jsonl", "name"}
    assert set(offered("job", "list", "--tag", "is-")[1]) == {"is-good", "is-bad", "is-slow"}
    assert set(offered("job", "list", "--provider", "")[1]) == {"kyanite", "microsoft", "toshiba"}
    assert offered("target", "show", "freecpu")[1] == {}
    assert DEFAULT_TARGET in offered("target", "show", "free.cpu")[1]
    assert "Simulated annealing" in offered("solve", "-t", "annealing")[1][DEFAULT_TARGET]
    assert set(offered("completion", "")[1]) == set(SHELLS)


def test_a_folder_given_on_the_line(offered, jobs, tmp_path):
    _, items = offered("--data-dir", jobs[0], "job", "show", "", folder=tmp_path / "none")
    assert len(items) == len(jobs[1])


def test_nothing_to_offer_is_silent_and_makes_nothing(offered, tmp_path, monkeypatch):
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "jobs.sqlite").write_text("this is no database")
    for folder in ("none", "damaged"):
        code, items = offered("job", "show", "", folder=tmp_path / folder)
        assert (code, items) == (1, {})
    monkeypatch.setenv("KYANITE_NONSENSE", "1")
    assert offered("job", "show", "") == (1, {})
    assert [path.name for path in tmp_path.rglob("*")] == ["damaged", "jobs.sqlite"]


def test_an_unknown_shell(capfd, monkeypatch):
    monkeypatch.setenv("_KYANITE_COMPLETE", "tcsh_complete")
    assert (main([]), *capfd.readouterr()) == (1, "", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_script(call, shell):
    code, out, err = call("completion", shell)
    assert (code, err) == (0, "")
    assert f"_KYANITE_COMPLETE={shell}_complete" in out


@pytest.fixture
def installed(tmp_path):
    """A folder with the command `kyanite` in it."""
    script = tmp_path / "bin" / "kyanite"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom kyanite.cli.main import main\nsys.exit(main())\n")
    script.chmod(0o755)
    return script.parent


ASK = """
eval "$(kyanite completion bash)"
COMP_WORDS=(kyanite {words}) COMP_CWORD={number}
_kyanite_completion kyanite
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_in_bash(installed, jobs):
    ids = jobs[1]
    path = f"{installed}{os.pathsep}{os.environ['PATH']}"
    for words, expected in (
        ("job sto", ["story"]),
        (f"job show {ids['good'][:-1]}", [ids["good"]]),
        ("job cancel ''", [ids["waiting"]]),
        ("target show microsoft.simulatedannealing-", [DEFAULT_TARGET]),
    ):
        done = subprocess.run(
            ["bash", "--norc", "-c", ASK.format(words=words, number=len(words.split()))],
            env=environment(PATH=path, KYANITE_DATA_DIR=str(jobs[0])),
            capture_output=True,
            text=True,
            check=True,
        )
        assert (done.stdout.split(), done.stderr) == (expected, "")
