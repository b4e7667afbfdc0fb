import gzip
import json

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.optimization import Problem, SlcTerm, Term, TermBase
from kyanite.optimization.document import PIECE_BYTES, RUN_TERMS, Document, elements, read

COUNTS = [0, 1, RUN_TERMS - 1, RUN_TERMS, RUN_TERMS + 1, 2 * RUN_TERMS, 25_000]


def many(count):
    return [Term([i, i + 1], None, i / 8) for i in range(count)]


def written(document):
    """The document as JSON, having seen to it that every way to write it writes the same bytes."""
    content = bytes(document)
    assert b"".join(document.pieces()) == content
    return json.loads(content)


@pytest.mark.parametrize("count", COUNTS)
def test_every_term_is_written_once_however_many_there_are(count):
    function = written(Document("x", "ising", many(count), []))["cost_function"]
    assert function["terms"] == [term.to_dict() for term in many(count)]


@pytest.mark.parametrize("count", COUNTS)
def test_a_long_group_is_written_as_a_short_one_is(count):
    groups = [SlcTerm([Term([i], None, i) for i in range(count)], 2), SlcTerm([], 3), SlcTerm([Term([], c=1)])]
    document = Document("x", "ising_grouped", [], groups)
    assert written(document)["cost_function"]["terms_slc"] == [group.to_dict() for group in groups]
    assert document.terms_count == count + 1


def test_a_document_says_what_the_wire_wants():
    problem = Problem("three", [Term([0], c=-9), Term([1, 0], c=-3)], {0: 1, "1": -1})
    problem.add_slc_term([(2, 0), (3, None)], 4)
    assert written(problem.document()) == {
        "metadata": {"name": "three"},
        "cost_function": {
            "version": "1.1",
            "type": "ising_grouped",
            "terms": [{"c": -9, "ids": [0]}, {"c": -3, "ids": [1, 0]}],
            "terms_slc": [{"c": 4, "terms": [{"c": 2, "ids": [0]}, {"c": 3, "ids": []}]}],
            "initial_configuration": {"0": 1, "1": -1},
        },
    }
    assert b'{"c":-9,"ids":[0]}' in bytes(problem.document())


def test_pieces_are_of_a_bounded_size():
    sizes = [len(piece) for piece in Document("x", "ising", many(25_000), []).pieces()]
    assert len(sizes) > 4
    assert all(PIECE_BYTES <= size < 2 * PIECE_BYTES for size in sizes[:-1])


async def test_others_run_between_two_pieces():
    document = Document("x", "ising", many(25_000), [])
    seen, turns = [], []

    async def other():
        while True:
            turns.append(len(seen))
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        seen.extend([piece async for piece in document])
        group.cancel_scope.cancel()
    assert len(turns) >= len(seen) > 4
    assert b"".join([piece async for piece in document]) == b"".join(seen) == bytes(document)


def test_what_is_added_later_stays_out():
    problem = Problem("x", [Term([0], c=1)])
    document = problem.document()
    problem.add_term(2, [1])
    problem.add_slc_term([(1, 0)])
    assert written(document)["cost_function"]["terms"] == [{"c": 1, "ids": [0]}]


@pytest.mark.parametrize("c", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_refused_and_named(c):
    problems = [
        Problem("x", [*many(RUN_TERMS), Term([5], None, c)]),
        Problem("x", [TermBase(c)]),
        Problem("x", [SlcTerm([Term([5], None, c)])]),
        Problem("x", [SlcTerm([Term([5], c=1)], c)]),
    ]
    for problem in problems:
        with pytest.raises(ValueError, match=rf"the term \{{'c': .*{c}.* is not finite"):
            problem.serialize()


def test_numpy_ids_and_values_are_written_as_numbers():
    problem = Problem("x", [Term([np.int64(3), np.int32(1)], c=1)], {np.int64(3): np.int8(-1)})
    function = written(problem.document())["cost_function"]
    assert function["terms"] == [{"c": 1, "ids": [3, 1]}]
    assert function["initial_configuration"] == {"3": -1}


def test_what_json_can_not_say_is_refused():
    with pytest.raises(TypeError, match=r"range\(0, 3\) can not be written"):
        Problem("x", [Term(range(3), c=1)]).serialize()


def test_a_subclass_writes_itself_its_own_way():
    class Doubled(Term):
        def to_dict(self):
            return {"c": 2 * self.c, "ids": self.ids}

    assert elements([Doubled([0], c=3), Term([1], c=3), TermBase(1)]) == b'{"c":6,"ids":[0]},{"c":3,"ids":[1]},{"c":1}'


def test_gzip_and_what_is_only_nearly_json_are_read():
    assert read(gzip.compress(b'{"a": 1}')) == {"a": 1}
    assert read("[1, Infinity]") == [1, float("inf")]
    with pytest.raises(json.JSONDecodeError):
        read("{")


@given(st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_are_read_as_they_were_written(numbers):
    terms = [Term([at], None, c) for at, c in enumerate(numbers)]
    again = read(bytes(Document("x", "pubo", terms, [])))["cost_function"]["terms"]
    assert [(type(term["c"]), term["c"]) for term in again] == [(type(c), c) for c in numbers]
