from hypothesis import given
from hypothesis import strategies as st

from kyanite.cli.screen import cells
from kyanite.cli.table import Column, layout

COLUMNS = [
    Column("ID", lambda row: row[0]),
    Column("NAME", lambda row: row[1], least=4),
    Column("KIND", lambda row: row[2], least=3, spare=1),
    Column("TOOK", lambda row: row[3], spare=2),
]
ROWS = [("0193-a", "a long name indeed", "optimization", "1.5s"), ("0193-b", "short", "simulation", "")]


def drawn(rows, room, *, coloured=False, columns=COLUMNS):
    made = layout(columns, rows, room)
    return [made.head(), *(made.line(row, coloured=coloured) for row in rows)]


def test_columns_are_as_wide_as_what_they_hold():
    assert drawn(ROWS, None) == [
        "ID      NAME                KIND          TOOK",
        "0193-a  a long name indeed  optimization  1.5s",
        "0193-b  short               simulation",
    ]
    assert drawn(ROWS, 46) == drawn(ROWS, None)
    assert drawn([], None) == ["ID  NAME  KIND  TOOK"]


def test_the_first_that_can_gives_way_before_anything_is_left_out():
    assert drawn(ROWS, 40)[1] == "0193-a  a long name\N{HORIZONTAL ELLIPSIS}  optimization  1.5s"
    assert drawn(ROWS, 30)[1] == "0193-a  a l\N{HORIZONTAL ELLIPSIS}  optimizat\N{HORIZONTAL ELLIPSIS}  1.5s"


def test_what_is_spare_is_left_out_in_order():
    assert drawn(ROWS, 22) == [
        "ID      NAME      TOOK",
        "0193-a  a long \N{HORIZONTAL ELLIPSIS}  1.5s",
        "0193-b  short",
    ]
    assert drawn(ROWS, 15)[:2] == ["ID      NAME", "0193-a  a long\N{HORIZONTAL ELLIPSIS}"]


def test_what_can_not_be_cut_is_whole_however_narrow_it_is():
    assert drawn(ROWS, 3)[1] == "0193-a  a l\N{HORIZONTAL ELLIPSIS}"


def test_colours_do_not_move_columns():
    columns = [Column("A", lambda row: row, colour=lambda row: "red"), Column("B", lambda row: "b")]
    lines = drawn(["x", "long"], None, coloured=True, columns=columns)
    assert lines[1] == "\x1b[31mx\x1b[0m     b"
    assert lines[2] == "\x1b[31mlong\x1b[0m  b"


def test_a_name_can_not_command_the_terminal():
    line = drawn([("1", "a\x9b31mb\x7f\nc", "k", "t")], None)[1]
    assert line == "1   a\N{REPLACEMENT CHARACTER}31mb\N{REPLACEMENT CHARACTER} c  k     t"


@given(st.lists(st.tuples(*[st.text(max_size=20)] * 4), max_size=5), st.integers(20, 120))
def test_a_table_fits_where_it_can(rows, room):
    made = layout(COLUMNS, rows, room)
    least = made.widths[0] + 2 + 4
    assert all(cells(line) <= max(room, least) for line in drawn(rows, room))
    assert all(line.isprintable() for line in drawn(rows, room))
