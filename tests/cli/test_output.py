import json

from hypothesis import given
from hypothesis import strategies as st

from kyanite.cli import output
from kyanite.cli.output import ROWS_MEASURED, View, compact, pretty, show
from kyanite.cli.table import Column

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
VIEW = View(columns=(Column("N", str),), record=lambda number: {"n": number}, name=lambda number: f"n{number}")


@given(JSON)
def test_both_ways_of_writing_json_say_the_same(value):
    assert json.loads(pretty(value)) == json.loads(compact(value)) == value
    assert "\n" not in compact(value)


def test_plain_values_share_a_line():
    assert pretty({"a": [1, 2], "b": {"c": {"d": 1, "e": []}}, "f": {}}) == (
        '{\n  "a": [1, 2],\n  "b": {\n    "c": {\n      "d": 1,\n      "e": []\n    }\n  },\n  "f": {}\n}'
    )


def test_formats(capsys):
    shown = {}
    for style in ("table", "json", "jsonl", "name"):
        assert show(VIEW, style, [1, 20]) == 2
        shown[style] = capsys.readouterr().out
    assert shown == {
        "table": "N\n1\n20\n",
        "json": '[\n  {"n": 1},\n  {"n": 20}\n]\n',
        "jsonl": '{"n":1}\n{"n":20}\n',
        "name": "n1\nn20\n",
    }


def test_nothing_to_show(capsys):
    for style, text in (("table", ""), ("json", "[]\n"), ("jsonl", ""), ("name", "")):
        assert show(VIEW, style, []) == 0
        assert capsys.readouterr().out == text


def test_a_long_table_comes_before_its_end(capsys, monkeypatch):
    """Its widths are settled by the first rows; a wider one later is cut to them."""
    monkeypatch.setattr(output, "width", lambda stream: 10)

    def numbers():
        yield from range(ROWS_MEASURED)
        assert capsys.readouterr().out.count("\n") == ROWS_MEASURED + 1
        yield 10**20

    show(VIEW, "table", numbers())
    assert capsys.readouterr().out == "10\N{HORIZONTAL ELLIPSIS}\n"
