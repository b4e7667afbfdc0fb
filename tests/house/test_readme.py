"""The README and the pages under docs/ can not rot: their scripts run, and their commands exist.

Each block marked `python` is a whole script. It runs in a folder of its own; a block marked `text` that comes
next in the same section is its output, in which `...` stands for what changes from run to run. All blocks marked
`console` on a page are one session in a terminal: its commands run one after the other in one folder, where the blocks
that are files lie, and print what the page says. A command that fails is followed by one that shows `$?`.
"""

import os
import re
import subprocess
import sys
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, REPORT_NDIFF, Example, OutputChecker

import pytest

from tests.house import markdown, tree
from tests.house.terminal import Terminal

LANGUAGES = {"console", "http", "ini", "json", "mermaid", "python", "sh", "sql", "text", "toml"}
SCRIPT_TIMEOUT_S = 120
SESSION_TIMEOUT_S = 300
NOT_EXECUTED = "before"
WIDTH_MAX = 92  # columns; what is wider can only be read by scrolling

PAGES = {tree.name_of(path): path.read_text(encoding="utf-8") for path in tree.documents()}
BLOCKS = [(name, block) for name, page in PAGES.items() for block in markdown.blocks(page)]
SCRIPTS = [
    pytest.param(block.text, output, id=f"{name}:{block.line}")
    for name, page in PAGES.items()
    for block, output in markdown.scripts(page)
]


SESSIONS = [
    pytest.param(page, id=name)
    for name, page in PAGES.items()
    if any(block.language == "console" for block in markdown.blocks(page))
]


@pytest.mark.timeout(SCRIPT_TIMEOUT_S + 30)  # a script may be the first to compile a kernel
@pytest.mark.parametrize(("script", "output"), SCRIPTS)
def test_script_runs_and_prints_what_the_page_says(script, output, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(script, encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("KYANITE_", "PYTHON"))}
    child = subprocess.run(
        [sys.executable, "-I", path.name],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=SCRIPT_TIMEOUT_S,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    if output is not None:
        assert_matches(output, child.stdout)


@pytest.mark.timeout(SESSION_TIMEOUT_S)
@pytest.mark.parametrize("page", SESSIONS)
def test_session_prints_what_the_page_says(page, tmp_path):
    terminal = Terminal(tmp_path)
    for block in markdown.blocks(page):
        if block.file_name is not None:
            (terminal.folder / block.file_name).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            type_in(markdown.commands(block), terminal)


def type_in(commands: list[markdown.Command], terminal: Terminal) -> None:
    """Fail unless each command prints what it should and succeeds, or is followed by one that shows its status."""
    for command, following in zip(commands, [*commands[1:], None], strict=True):
        printed = terminal.run(command.line)
        assert_matches(command.output, printed)
        if terminal.status != 0 and (following is None or "$?" not in following.line):
            pytest.fail(f"`{command.line}` ends with {terminal.status}:\n{printed}")


def assert_matches(expected: str, printed: str) -> None:
    """Fail with a line-by-line difference unless the output is as promised."""
    flags, checker = ELLIPSIS | NORMALIZE_WHITESPACE, OutputChecker()
    if not checker.check_output(expected, printed, flags):
        pytest.fail(checker.output_difference(Example("", expected), printed, flags | REPORT_NDIFF))


def test_make_commands_exist():
    targets = set(re.findall(r"^([a-z-]+):", (tree.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"run", "test"} <= targets
    promised = {
        (name, target)
        for name, block in BLOCKS
        if block.language == "sh"
        for target in re.findall(r"^\s*make ([a-z-]+)", block.text, re.MULTILINE)
    }
    assert [(name, target) for name, target in sorted(promised) if target not in targets] == []


def test_scripts_named_in_commands_exist():
    named = {
        (name, path)
        for name, block in BLOCKS
        if block.language == "sh"
        for path in re.findall(r"\b(?:examples|tests|config)/[\w/.-]+\.\w+", block.text)
    }
    assert [(name, path) for name, path in sorted(named) if not (tree.ROOT / path).is_file()] == []


def test_every_block_says_its_language():
    unknown = [f"{name}:{block.line} {block.language!r}" for name, block in BLOCKS if block.language not in LANGUAGES]
    assert unknown == []


def test_code_fits_a_page():
    wide = [
        f"{name}:{block.line + number}"
        for name, block in BLOCKS
        if block.language in {"console", "json", "python", "text"} and name.startswith("docs/")
        for number, line in enumerate(block.text.splitlines(), 1)
        if len(line) > WIDTH_MAX
    ]
    assert wide == []


def test_every_mark_is_known():
    unknown = [
        f"{name}:{block.line} {block.mark!r}"
        for name, block in BLOCKS
        if block.mark and block.mark != NOT_EXECUTED and block.file_name is None
    ]
    assert unknown == []


def test_every_file_of_a_page_is_used_by_its_session():
    unused = [
        f"{name}:{block.line} {block.file_name}"
        for name, block in BLOCKS
        if block.file_name is not None and not is_used(block.file_name, PAGES[name])
    ]
    assert unused == []


def is_used(file_name: str, page: str) -> bool:
    """Whether a command or another file names the file; who installs a project uses its pyproject.toml."""
    others = [block for block in markdown.blocks(page) if block.language == "console" or block.file_name]
    told = "".join(block.text for block in others if block.file_name != file_name)
    return file_name.partition(".")[0] in told or (file_name == "pyproject.toml" and "pip install" in told)


def test_readme_shows_how_to_start():
    commands = "".join(block.text for name, block in BLOCKS if name == "README.md" and block.language == "sh")
    assert "make run" in commands
    assert "make test" in commands


def test_output_belongs_to_the_script_before_it():
    page = "```python\nprint(1)\n```\nprints\n```text\n1\n```\n"
    page += "```python\nprint(2)\n```\n# next\n```text\nother\n```\n"
    assert [(block.line, output) for block, output in markdown.scripts(page)] == [(1, "1\n"), (8, None)]


def test_output_matches_with_ellipsis():
    assert_matches("job ... Succeeded\n", "job 8c1f Succeeded\n")
    with pytest.raises(pytest.fail.Exception):
        assert_matches("job ... Succeeded\n", "job 8c1f Failed\n")


def test_marked_scripts_are_not_executed():
    page = "```python before\n1\n```\n```python factoring.py\n2\n```\n```python\n3\n```\n"
    assert [block.text for block, _ in markdown.scripts(page)] == ["3\n"]
    assert [block.file_name for block in markdown.blocks(page)] == [None, "factoring.py", None]


def test_session_is_commands_and_what_they_print():
    page = "```console\n$ cat > x <<'END'\n> one\n> END\n$ cat x\none\n\ntwo\n$ true\n```\n"
    (block,) = markdown.blocks(page)
    assert [(command.line, command.output) for command in markdown.commands(block)] == [
        ("cat > x <<'END'\none\nEND", ""),
        ("cat x", "one\n\ntwo\n"),
        ("true", ""),
    ]


def test_session_that_goes_otherwise_is_found(tmp_path):
    terminal = Terminal(tmp_path)
    good = [("echo one", "one\n"), ("false", ""), ("echo $?", "1\n")]
    type_in([markdown.Command(*pair) for pair in good], terminal)
    for bad in [("echo two", "one\n"), ("false", "")]:
        with pytest.raises(pytest.fail.Exception):
            type_in([markdown.Command(*bad)], terminal)
