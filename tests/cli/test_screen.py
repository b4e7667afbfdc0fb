import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.cli.screen import ELLIPSIS, cells, coloured, cut, plain, width


class Terminal(io.StringIO):
    """What looks like a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(("text", "count"), [("abc", 3), ("", 0), ("日本", 4), ("e\u0301", 1), ("☃", 1)])
def test_cells(text, count):
    assert cells(text) == count


def test_cut():
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 4) == f"abc{ELLIPSIS}"
    assert cut("日本語", 5) == f"日本{ELLIPSIS}"
    assert cut("日本語", 4) == f"日{ELLIPSIS}"


@given(st.text(), st.integers(1, 40))
def test_what_is_cut_fits(text, room):
    assert cells(cut(plain(text), room)) <= room


@given(st.text())
def test_plain_text_stays_on_its_line_and_commands_nothing(text):
    assert plain(text).isprintable()
    if text.isprintable():
        assert plain(text) == text


def test_colours_are_for_terminals_of_those_who_want_them(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert coloured(Terminal())
    assert not coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured(Terminal())
    monkeypatch.setenv("NO_COLOR", "")
    assert coloured(Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert not coloured(Terminal())


def test_a_pipe_has_no_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "66")
    assert width(Terminal()) == 66
    assert width(io.StringIO()) is None
