"""The judge of histories notices each kind of untruth; without that, its silence would prove nothing."""

import pytest
from msgspec.structs import replace

from kyanite.core.events import Amended, Began
from kyanite.testing.stores import a_job, success, write
from tests.crashes.history import CANCEL, LIST, READ, SUBMIT, History, Line, Record, lines_of, seen

BORN = write(None, birth=a_job(1)).details
BEGUN = write(BORN, Began(attempt=1)).details
ENDED = write(BEGUN, success()).details
ENDED_OTHERWISE = write(BEGUN, success(2)).details


def calls(*made):
    """One call after the other, each (call, row or nothing)."""
    lines = []
    for number, (call, row) in enumerate(made):
        asked = Line(str(number), call, "job" if call == LIST else BORN.id)
        answer = () if row is None else (seen(row),)
        lines += [asked, replace(asked, answer=answer, missing=row is None and call != LIST)]
    return lines


def test_what_one_store_can_have_said_is_taken():
    lines = calls((SUBMIT, BORN), (READ, BORN), (LIST, BEGUN), (CANCEL, ENDED), (READ, ENDED))
    assert History(lines).violations([ENDED]) == []


def test_calls_at_the_same_time_may_answer_in_any_order():
    first, second = calls((READ, BORN))[0], replace(calls((READ, BORN))[0], number="other")
    answers = [replace(second, answer=(seen(BEGUN),)), replace(first, answer=(seen(BORN),))]
    assert History([first, second, *answers]).violations([ENDED]) == []


def test_a_line_that_a_kill_cut_short_is_left_out_and_spoils_no_other(tmp_path):
    path = tmp_path / "history"
    Record(path, 0).begin(READ, "first")
    with path.open("ab") as file:
        file.write(path.read_bytes()[:20])
    Record(path, 1).begin(READ, "second")
    assert [line.job for line in lines_of(path.read_bytes())] == ["first", "second"]


def test_labels_may_change_after_the_end():
    amended = write(ENDED, Amended(name="another", tags=("b",))).details
    assert History(calls((READ, ENDED), (READ, amended))).violations([amended]) == []


@pytest.mark.parametrize(
    ("made", "rows", "found"),
    [
        ([(SUBMIT, BORN)], [], "is lost"),
        ([(SUBMIT, BORN), (READ, None)], [ENDED], "not found"),
        ([(SUBMIT, BORN), (LIST, None)], [ENDED], "missing from list"),
        ([(READ, BEGUN), (READ, BORN)], [ENDED], "went back"),
        ([(READ, ENDED)], [ENDED_OTHERWISE], "ended otherwise"),
        ([(READ, ENDED), (READ, ENDED_OTHERWISE)], [ENDED], "two forms"),
        ([(CANCEL, BEGUN)], [ENDED], "no trace"),
        ([(READ, ENDED)], [BEGUN], "has 2"),
    ],
)
def test_an_untruth_is_noticed(made, rows, found):
    assert any(found in wrong for wrong in History(calls(*made)).violations(rows))
