"""The README and the pages under docs/ can not rot: their scripts run, and their commands exist.

Each block marked `python` is a whole script. It runs in a folder of its own; a block marked `text` that comes
next in the same section is its output, in which `...` stands for what changes from run to run.
"""

import os
import re
import subprocess
import sys
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, REPORT_NDIFF, Example, OutputChecker

import pytest

from tests.house import markdown, tree

LANGUAGES = {"http", "ini", "json", "mermaid", "python", "sh", "sql", "text", "toml"}
SCRIPT_TIMEOUT_S = 120

PAGES = {tree.name_of(path): path.read_text(encoding="utf-8") for path in tree.documents()}
BLOCKS = [(name, block) for name, page in PAGES.items() for block in markdown.blocks(page)]
SCRIPTS = [
    pytest.param(block.text, output, id=f"{name}:{block.line}")
    for name, page in PAGES.items()
    for block, output in markdown.scripts(page)
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


def assert_matches(expected: str, printed: str) -> None:
    """Fail with a line-by-line difference unless the output is as promised."""
    flags, checker = ELLIPSIS | NORMALIZE_WHITESPACE, OutputChecker()
    if not checker.check_output(expected, printed, flags):
        pytest.fail(checker.output_difference(Example("", expected), printed, flags | REPORT_NDIFF))


def test_make_commands_exist():
    targets = set(re.findall(r"^([a-z]+):", (tree.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"run", "test"} <= targets
    promised = {
        (name, target)
        for name, block in BLOCKS
        if block.language == "sh"
        for target in re.findall(r"^\s*make ([a-z]+)", block.text, re.MULTILINE)
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
