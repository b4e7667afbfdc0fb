"""The tool that tests the tests: what it changes, what it leaves alone, and that what it changes takes effect."""

import ast
import sys
import types

import pytest

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.mutants import mutants
from tests.mutation.subjects import SOURCE, SUBJECTS, files_of, source_of
from tests.mutation.surgery import loaded, operate

SOURCE_TEXT = '''"""A docstring."""
from __future__ import annotations
from functools import cache
from typing import cast

LIMIT: int = 3
NAMES = {"a": lambda value: value + 1}

def grow(value: "int" = 1, *, by: int = 2) -> "int":
    """Another."""
    if value < LIMIT and not by == 2:
        raise ValueError("words" + "more words")
    message = "words"
    return cast("int", value + by)

@cache
def kept():
    return [each for each in range(4) if each % 2]

class Thing:
    size = 5

    @property
    def large(self):
        return self.size > LIMIT

    def fill(self, places):
        for place in places:
            if place is None:
                continue
            places[place] = True
        return LIMIT
'''


@pytest.fixture
def module(tmp_path):
    """The source above as an imported module."""
    sys.modules["mutated"] = loaded("mutated", str(tmp_path / "mutated.py"), ast.parse(SOURCE_TEXT))
    yield sys.modules["mutated"]
    del sys.modules["mutated"]


def named():
    return {mutant.name.removeprefix("mutated:"): mutant for mutant in mutants("mutated", SOURCE_TEXT)}


def test_what_is_changed_and_what_is_left_alone():
    assert list(named()) == [
        ": 3 -> 4",
        ": 'a' -> 'aX'",
        ": value + 1 -> value - 1",
        ": 1 -> 2",
        "grow: 2 -> 3",
        "grow: 1 -> 2",
        "grow: if value < LIMIT and (not by == 2): -> if not (value < LIMIT and (not by == 2)):",
        "grow: value < LIMIT and (not by == 2) -> value < LIMIT or not by == 2",
        "grow: value < LIMIT -> value <= LIMIT",
        "grow: not by == 2 -> by == 2",
        "grow: by == 2 -> by != 2",
        "grow: 2 -> 3 #2",
        "grow: raise ValueError('words' + 'more words') -> pass",
        "grow: return cast('int', value + by) -> return None",
        "grow: value + by -> value - by",
        "kept: return [each for each in range(4) if each % 2] -> return None",
        "kept: [each for each in range(4) if each % 2] -> [each for each in range(4) if not each % 2]",
        "kept: 4 -> 5",
        "kept: each % 2 -> each + 2",
        "kept: 2 -> 3",
        "Thing: 5 -> 6",
        "Thing.large: return self.size > LIMIT -> return None",
        "Thing.large: self.size > LIMIT -> self.size >= LIMIT",
        "Thing.fill: place is None -> place is not None",
        "Thing.fill: continue -> break",
        "Thing.fill: places[place] = True -> pass",
        "Thing.fill: True -> False",
        "Thing.fill: return LIMIT -> return None",
    ]


@pytest.mark.parametrize(
    ("name", "look", "before", "after"),
    [
        ("grow: value + by -> value - by", lambda module: module.grow(5), 7, 3),
        ("grow: 1 -> 2", lambda module: module.grow(by=4, value=3), 7, 7),
        ("grow: 2 -> 3", lambda module: module.grow(9), 11, 12),
        ("kept: 4 -> 5", lambda module: module.kept.__wrapped__(), [1, 3], [1, 3]),
        ("kept: each % 2 -> each + 2", lambda module: module.kept.__wrapped__(), [1, 3], [0, 1, 2, 3]),
        (": 3 -> 4", lambda module: module.Thing().fill([]), 3, 4),
        (": value + 1 -> value - 1", lambda module: module.NAMES["a"](1), 2, 0),
        ("Thing.large: return self.size > LIMIT -> return None", lambda module: module.Thing().large, True, None),
    ],
)
def test_a_mutant_takes_effect_where_the_code_is_held(module, name, look, before, after):
    held = module.grow, module.Thing
    assert look(module) == before
    operate(module, named()[name].tree)
    assert look(module) == after
    assert (module.grow, module.Thing) == held


def test_a_constant_is_replaced_wherever_it_was_imported_to(module):
    other = types.ModuleType("other")
    other.NAMES = module.NAMES
    sys.modules["other"] = other
    try:
        operate(module, named()[": value + 1 -> value - 1"].tree)
        assert other.NAMES is module.NAMES
    finally:
        del sys.modules["other"]


def test_the_tests_of_each_subject_are_there():
    for tests in SUBJECTS.values():
        assert all((SOURCE.parent / path).is_file() for path in files_of(tests))


def test_every_equivalent_mutant_is_one():
    names = {mutant.name for module in SUBJECTS for mutant in mutants(module, source_of(module))}
    assert set(EQUIVALENT) <= names
    assert all(EQUIVALENT.values())
