"""What is made from the code agrees with the code."""

import pytest

from tests.house.generate import FILES, PARTS, renewed


@pytest.mark.parametrize("name", PARTS)
def test_page_is_current(name):
    path, make = PARTS[name]
    page = path.read_text(encoding="utf-8")
    assert renewed(page, name, make()) == page, "call make docs"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_is_current(path):
    assert path.read_text(encoding="utf-8") == FILES[path](), "call make docs"


def test_part_replaces_only_what_stands_between_its_lines():
    page = "before\n<!-- made by make docs: x -->\nold\n<!-- end: x -->\nafter\n"
    expected = "before\n<!-- made by make docs: x -->\n\nnew\n\n<!-- end: x -->\nafter\n"
    assert renewed(page, "x", "new") == expected
    assert renewed(expected, "x", "new") == expected


def test_page_without_a_place_is_refused():
    with pytest.raises(ValueError, match="no lines"):
        renewed("nothing here\n", "x", "new")
