"""The repository keeps the rules of the house."""

import sys
from functools import partial
from pathlib import Path

from tests.house import rules, tree


def breaches(paths: list[Path], rule: rules.Rule) -> list[str]:
    """Every breach as `path:line what`, the way editors can jump to."""
    assert paths, "no files to look at"
    return [
        f"{tree.name_of(path)}:{line} {what}"
        for path in paths
        for line, what in rule(path.read_text(encoding="utf-8", errors="replace"))
    ]


def test_no_forbidden_words():
    assert breaches(list(tree.tracked_files()), rules.words) == []


def test_no_long_files():
    assert breaches(tree.package_files(), rules.length) == []


def test_every_module_has_a_docstring():
    assert breaches(tree.package_files(), rules.module_docstring) == []


def test_no_swallowed_errors():
    assert breaches(tree.python_files(), rules.swallowed_errors) == []


def test_no_code_from_input():
    assert breaches(tree.python_files(), rules.code_from_input) == []


def test_core_is_pure():
    core = [path for path in tree.package_files() if path.is_relative_to(tree.CORE)]
    assert breaches(core, rules.impurity) == []


def test_kernels_need_only_numpy_and_numba():
    kernels = [path for path in tree.package_files() if path.is_relative_to(tree.KERNELS)]
    rule = partial(rules.foreign_to_kernels, standard_library=sys.stdlib_module_names)
    assert breaches(kernels, rule) == []


def test_every_port_states_its_contract():
    assert breaches(sorted(tree.PORTS.glob("*.py")), rules.undocumented_port) == []


def test_files_are_nouns():
    found = [
        f"{tree.name_of(path)} {what}"
        for path in tree.python_files()
        for _, what in rules.vague_name(path.relative_to(tree.ROOT))
    ]
    assert found == []


def test_changelog_has_an_unreleased_section():
    lines = (tree.ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith("## ") and "Unreleased" in line for line in lines)


def test_lock_pins_with_hashes_and_names_no_index():
    for lock in (tree.ROOT / "requirements").glob("*.lock"):
        text = lock.read_text(encoding="utf-8")
        pins = text.split("\n    # via")[:-1]
        assert pins
        assert all("--hash=sha256:" in pin for pin in pins)
        assert "index-url" not in text
        assert "://" not in text
