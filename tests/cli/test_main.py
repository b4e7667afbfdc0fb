import json
import os
import signal
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from kyanite.cli import main as entry
from kyanite.cli.exits import MEANINGS, Exit
from kyanite.cli.job import WORDS as JOB_WORDS
from kyanite.cli.root import WORDS
from tests.cli.places import COMMAND, environment


def test_version(call):
    assert call("--version") == (0, f"kyanite {version('kyanite')}\n", "")


def test_help_names_every_command_option_and_exit_code(call):
    code, out, err = call("--help")
    assert (code, err) == (0, "")
    for word in [*WORDS, "--data-dir", "--config", "--quiet", "--verbose", "--no-color", "KYANITE_DATA_DIR"]:
        assert word in out
    table = out.partition("Exit codes:")[2]
    for exit_code in Exit:
        assert str(exit_code.value) in table
    assert set(MEANINGS) | {Exit.TERMINATED} == set(Exit)


@pytest.mark.parametrize("words", [(word,) for word in WORDS] + [("job", word) for word in JOB_WORDS])
def test_every_command_helps_and_takes_the_global_options(call, words):
    code, out, _ = call(*words, "--help")
    assert code == 0
    assert out.startswith(f"Usage: kyanite {' '.join(words)}")
    assert call(*words, "--quiet", "--data-dir", "x", "--help").code == 0


def test_no_summary_is_cut(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for words in ((), ("job",), ("target",), ("config",)):
        commands = call(*words, "--help").out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
        assert commands
        assert [line for line in commands if line.endswith("...")] == []


@pytest.mark.parametrize("words", [(), ("job",), ("target",), ("config",)])
def test_without_a_command_help_goes_to_stderr(call, words):
    code, out, err = call(*words)
    assert (code, out) == (Exit.USAGE, "")
    assert err.startswith("Usage: kyanite")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("jbo", "list"), "no such command: jbo; did you mean job? See `kyanite --help`."),
        (("job", "lst"), "no such command: lst; did you mean list? See `kyanite job --help`."),
        (("job", "zzz"), "no such command: zzz. See `kyanite job --help`."),
        (("job", "list", "--statu", "failed"), "'--status'"),
        (("job", "list", "--status", "finished"), "there is no 'finished'; there are: Waiting, Executing, "),
        (("job", "list", "--status", "wating"), "did you mean waiting?"),
        (("job", "list", "-o", "jsn"), "did you mean json?"),
        (("job", "count", "--by", "stat"), "did you mean status?"),
        (("job", "list", "--limit", "0"), "0 is not in the range"),
        (("job", "list", "--created-after", "noon"), "'noon' is no time; write 2025-12-31"),
        (("job", "show"), "Missing argument 'ID'. See `kyanite job show --help`."),
        (("job", "show", "a", "b"), "unexpected extra argument (b)"),
        (("completion", "tcsh"), "there is no 'tcsh'; there are: bash, zsh, fish"),
        (("--data-dir",), "requires an argument"),
    ],
)
def test_usage_is_told_in_one_line(call, words, hint):
    code, out, err = call(*words)
    assert (code, out) == (Exit.USAGE, "")
    assert err.startswith("kyanite: ")
    assert hint in err
    assert err.count("\n") == 1


def test_global_options_stand_anywhere_and_the_last_one_counts(call, jobs):
    folder, ids = jobs
    for words in (
        ("--data-dir", folder, "job", "list", "-o", "name"),
        ("job", "--data-dir", folder, "list", "-o", "name"),
        ("job", "list", "-o", "name", "--data-dir", folder),
        ("--data-dir", "elsewhere", "job", "list", "-o", "name", "--data-dir", folder),
    ):
        assert set(call(*words).out.split()) == set(ids.values())


def test_data_dir_comes_from_environment_and_file_too(call, jobs, monkeypatch, tmp_path):
    (tmp_path / "settings.toml").write_text(f'data_dir = "{jobs[0]}"\n')
    assert len(call("job", "list", "-o", "name", "--config", tmp_path / "settings.toml").out.split()) == len(jobs[1])
    monkeypatch.setenv("KYANITE_DATA_DIR", str(jobs[0]))
    assert len(call("job", "list", "-o", "name").out.split()) == len(jobs[1])
    monkeypatch.setenv("KYANITE_DATA_DIR", "nowhere")
    monkeypatch.setenv("KYANITE_CONFIG", str(tmp_path / "settings.toml"))
    assert "no jobs in nowhere yet" in call("job", "list").err


@pytest.mark.parametrize(
    "words",
    [
        ("job", "list"),
        ("job", "count"),
        ("job", "show", "x"),
        ("job", "wait", "x"),
        ("job", "watch"),
        ("job", "output", "x"),
        ("job", "story", "x"),
    ],
)
def test_a_folder_without_a_store_is_told_and_left_alone(call, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*words)
    assert (code, out) == (Exit.ERROR, "")
    assert err == "kyanite: there are no jobs in .kyanite yet; `kyanite solve FILE` makes the first\n"
    (tmp_path / "empty").mkdir()
    assert "no jobs in" in call(*words, "--data-dir", tmp_path / "empty").err
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_errors_of_the_configuration_are_one_line(call, monkeypatch, tmp_path):
    (tmp_path / "bad.toml").write_text("limits = 3\n")
    for words in (("job", "list", "--config", tmp_path / "bad.toml"), ("target", "list", "--config", "missing.toml")):
        code, out, err = call(*words)
        assert (code, out, err.count("\n")) == (Exit.ERROR, "", 1)
        assert "toml" in err
    monkeypatch.setenv("KYANITE_LIMITS__CORS", "3")
    assert "KYANITE_LIMITS__CORES" in call("job", "list").err


def test_an_unexpected_error_is_one_line_and_a_traceback_on_request(call, monkeypatch):
    def broken(arguments):
        raise ZeroDivisionError("by nought\nand more")

    monkeypatch.setattr(entry, "_call", broken)
    assert call("job") == (
        1,
        "",
        "kyanite: unexpected ZeroDivisionError: by nought; KYANITE_DEBUG=1 shows where it comes from\n",
    )
    monkeypatch.setenv("KYANITE_DEBUG", "1")
    err = call("job").err
    assert "Traceback" in err
    assert "in broken" in err


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (KeyboardInterrupt(), "interrupted", Exit.INTERRUPTED),
        (MemoryError(), "out of memory", Exit.ERROR),
        (FileNotFoundError(2, "No such file", "problem.json"), "problem.json: No such file", Exit.ERROR),
        (OSError(28, "No space left on device"), "output: No space left on device", Exit.ERROR),
        (ExceptionGroup("several", [ExceptionGroup("inner", [TimeoutError()])]), "the time is over", Exit.TIMED_OUT),
        (BrokenPipeError(), "", Exit.BROKEN_PIPE),
    ],
)
def test_what_libraries_raise_has_a_line_and_a_code(call, monkeypatch, error, line, code):
    def broken(arguments):
        raise error

    monkeypatch.setattr(entry, "_call", broken)
    assert call("job") == (code, "", f"kyanite: {line}\n" if line else "")


def test_signal_handlers_are_as_they_were(call):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    call("--version")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def run(*arguments, **options):
    return subprocess.run(
        [*COMMAND, *arguments], env=environment(), capture_output=True, text=True, check=False, **options
    )


def test_as_a_process(jobs):
    done = run("job", "count", "-o", "json", "--data-dir", str(jobs[0]))
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, len(jobs[1]), "")
    done = run("job", "lst")
    assert (done.returncode, done.stdout) == (2, "")


def test_nobody_reads_on(jobs):
    """The reader is gone before the first byte is written."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        done = subprocess.run(
            [*COMMAND, "job", "list", "--data-dir", jobs[0]],
            env=environment(),
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (Exit.BROKEN_PIPE, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_no_space_for_the_output(jobs):
    with Path("/dev/full").open("wb") as stdout:
        done = subprocess.run(
            [*COMMAND, "job", "list", "--data-dir", jobs[0]],
            env=environment(),
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (Exit.ERROR, b"kyanite: output: No space left on device\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(jobs, closed):
    command = f'"$@" {closed}; echo "$?"'
    words = ["/bin/sh", "-c", command, "sh", *COMMAND, "job", "list", "-o", "name", "--data-dir", jobs[0]]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=True)
    ids = [] if ">&-" in closed.split() else list(jobs[1].values())
    assert (done.stdout.split(), done.stderr) == ([*ids, "0"], "")


def test_letters_that_the_terminal_does_not_know(jobs):
    done = subprocess.run(
        [*COMMAND, "job", "list", "--name", "\N{SNOWMAN}", "--data-dir", jobs[0]],
        env=environment(PYTHONIOENCODING="ascii"),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"no jobs\n")


def test_light_commands_load_nothing_heavy(jobs):
    code = (
        "import sys; from kyanite.cli.main import main; main(sys.argv[1:]); "
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    for words in (
        ["--version"],
        ["job", "list", "--data-dir", str(jobs[0])],
        ["events", "--data-dir", str(jobs[0])],
        ["webhook", "list", "--data-dir", str(jobs[0])],
        ["subscriber", "list", "--data-dir", str(jobs[0])],
        ["target", "list"],
        ["completion", "zsh"],
    ):
        done = subprocess.run(
            [COMMAND[0], "-c", code, *words], env=environment(), capture_output=True, text=True, check=True
        )
        loaded = set(done.stderr.split())
        assert "kyanite" in loaded
        assert loaded & {"aiohttp", "matplotlib", "numba", "numpy", "rich", "structlog"} == set()
