import inspect
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import BlobExists
from kyanite.optimization import ContentType, GroupType, Problem, ProblemType, SlcTerm, Term
from tests.optimization.examples import NUMBERS, PROBLEMS, three_spins
from tests.runtime.places import in_memory, with_echo

VALUES = st.lists(NUMBERS, min_size=6, max_size=6)


def naive(problem, values):
    product = lambda term: term.c * math.prod(values[variable] for variable in term.ids)
    squares = sum(group.c * sum(map(product, group.terms)) ** 2 for group in problem.terms_slc)
    return pytest.approx(sum(map(product, problem.terms)) + squares, rel=1e-9, abs=1e-6)


def test_the_arguments_stand_in_the_order_of_the_sdk():
    parameters = inspect.signature(Problem).parameters
    assert list(parameters) == ["name", "terms", "init_config", "problem_type", "content_type"]
    problem = Problem("x", [Term([0], c=1)], {"0": 1}, ProblemType.pubo, ContentType.protobuf)
    assert (problem.name, problem.problem_type, problem.init_config) == ("x", ProblemType.pubo, {"0": 1})
    assert problem.content_type is ContentType.protobuf


def test_a_problem_is_named_somehow():
    assert Problem().name == Problem(None).name == Problem("").name == "Optimization problem"


def test_types_are_shown_with_their_class():
    assert str(ProblemType.ising) == f"{ProblemType.ising}" == "ProblemType.ising"
    assert [kind.value for kind in ProblemType] == ["0", "1", "2", "3"]


def test_the_type_may_stand_before_the_terms():
    terms = [Term([0], c=1)]
    for problem in (Problem("x", ProblemType.pubo, terms), Problem("x", ProblemType.pubo, terms, {"0": 1})):
        assert (problem.problem_type, problem.terms) == (ProblemType.pubo, terms)
    assert problem.init_config == {"0": 1}
    assert Problem("x", ProblemType.pubo).terms == []


@pytest.mark.parametrize("arguments", [{"problem_type": "ising"}, {"problem_type": 1}, {"terms": "ising"}])
def test_what_stands_in_the_wrong_place_is_refused(arguments):
    with pytest.raises(TypeError, match=r"must be a (ProblemType|list of terms)"):
        Problem("x", **arguments)


def test_the_list_given_is_not_the_list_kept():
    terms = [Term([0], c=1)]
    problem = Problem("x", terms)
    problem.add_term(2, [1])
    assert len(terms) == 1
    assert problem.terms == [Term([0], c=1), Term([1], c=2)]


def test_any_group_makes_the_type_a_grouped_one():
    group = SlcTerm([Term([0], c=1)])
    ways = [
        lambda problem: problem.add_terms([group]),
        lambda problem: problem.add_terms(group.terms, GroupType.squared_linear_combination, 1.0),
        lambda problem: problem.add_slc_term([(1, 0)], 1.0),
        lambda problem: problem.add_slc_term(group.terms, 1.0),
    ]
    for add in ways:
        for kind in (ProblemType.ising, ProblemType.pubo):
            problem = Problem("x", problem_type=kind)
            add(problem)
            assert problem.problem_type.name == f"{kind.name}_grouped"
            assert (problem.terms, problem.terms_slc) == ([], [group])
    assert Problem("x", [group]).problem_type is ProblemType.ising_grouped


def test_group_types_may_be_written_as_text():
    problem = Problem("x")
    problem.add_terms([Term([0], c=1)], "na")
    problem.add_terms([Term([0], c=1)], "slc")
    assert (len(problem.terms), len(problem.terms_slc)) == (1, 1)
    with pytest.raises(ValueError, match="other"):
        problem.add_terms([], "other")


def test_any_change_makes_an_upload_stale():
    for change in (
        lambda problem: problem.add_term(1, [0]),
        lambda problem: problem.add_terms([]),
        lambda problem: problem.add_slc_term([(1, 0)]),
    ):
        problem = three_spins()
        problem.uploaded_blob_uri = "kyanite:///a/b/c"
        change(problem)
        assert problem.uploaded_blob_uri is None


def test_terms_of_a_variable_are_found_in_groups_too():
    problem = three_spins()
    problem.add_slc_term([(1, 0), (2, 7)])
    assert problem.get_terms(1) == [Term([1, 0], c=-3)]
    assert problem.get_terms(7) == problem.terms_slc
    assert problem.get_terms(5) == []
    with pytest.raises(LookupError, match="has no terms"):
        Problem("x").get_terms(0)


def test_a_problem_shows_itself():
    problem = three_spins()
    problem.add_slc_term([(1, 0)])
    assert repr(problem) == "<Problem 'three spins': ising_grouped, 3 terms and 1 squared groups>"


# Values ---------------------------------------------------------------------------------------------------------------


def test_the_example_costs_what_the_service_said():
    assert three_spins().evaluate({"0": 1, "1": 1, "2": -1}) == -17


def test_numpy_values_do_not_overflow():
    problem = Problem("x", [Term([0, 1], c=300)])
    cost = problem.evaluate(dict(enumerate(np.array([-1, 1], np.int8))))
    assert (cost, type(cost)) == (-300, int)
    assert problem.set_fixed_variables({np.int64(0): np.int8(-1)}).terms == [Term([1], c=-300)]


def test_configurations_that_do_not_fit_are_refused():
    with pytest.raises(KeyError, match="variable 2"):
        three_spins().evaluate({0: 1, 1: 1})
    with pytest.raises(ValueError, match="'a'"):
        three_spins().evaluate({"a": 1})
    with pytest.raises(TypeError):
        three_spins().evaluate({0: "1", 1: 1, 2: 1})


def test_fixing_nothing_is_refused():
    with pytest.raises(RuntimeError, match="fixed_variables"):
        three_spins().set_fixed_variables({})


def test_what_is_left_keeps_the_rest():
    class Named(Problem):
        """A user's own."""

    problem = Named("x", [Term([0, 1], c=2)], {"0": 1, 1: -1}, ProblemType.pubo, ContentType.protobuf)
    problem.uploaded_blob_uri = "kyanite:///a/b/c"
    left = problem.set_fixed_variables({"0": 1})
    assert type(left) is Named
    assert (left.name, left.problem_type, left.content_type) == ("x", ProblemType.pubo, ContentType.protobuf)
    assert left.init_config == {1: -1}
    assert left.uploaded_blob_uri is None
    assert (left.terms, problem.terms) == ([Term([1], c=2)], [Term([0, 1], c=2)])
    assert problem.uploaded_blob_uri is not None


@given(PROBLEMS, VALUES)
def test_cost_is_what_a_naive_reading_says(problem, values):
    assert problem.evaluate(dict(enumerate(values))) == naive(problem, values)
    assert problem.evaluate({str(variable): value for variable, value in enumerate(values)}) == naive(problem, values)


@given(PROBLEMS, VALUES, st.sets(st.integers(0, 5), min_size=1))
def test_fixed_and_left_together_cost_the_same(problem, values, chosen):
    left = problem.set_fixed_variables({str(variable): values[variable] for variable in chosen})
    rest = {variable: value for variable, value in enumerate(values) if variable not in chosen}
    assert left.evaluate(rest) == naive(problem, values)
    assert all(chosen.isdisjoint(term.ids) for term in left.terms)
    assert sum(not term.ids for term in left.terms) <= 1


@given(PROBLEMS)
def test_what_is_written_is_read_again(problem):
    again = Problem.deserialize(problem.serialize())
    assert (again.name, again.problem_type) == (problem.name, problem.problem_type)
    assert (again.terms, again.terms_slc) == (problem.terms, problem.terms_slc)
    assert (again.init_config or {}) == (problem.init_config or {})
    assert again.serialize() == problem.serialize()


def test_reading_takes_a_name_and_bytes():
    text = three_spins().serialize()
    assert Problem.deserialize(text.encode(), "other").name == "other"
    assert Problem.deserialize('{"cost_function": {"type": "pubo"}, "metadata": null}').name == "Optimization problem"


@pytest.mark.parametrize(
    ("given", "options", "kind", "message"),
    [
        ("[1]", {}, ValueError, "JSON object"),
        ([b""], {}, ValueError, "protobuf"),
        ("{}", {"content_type": ContentType.protobuf}, ValueError, "protobuf"),
        ("{}", {}, KeyError, "cost_function"),
        ('{"cost_function": {}}', {}, KeyError, "type"),
        ('{"cost_function": {"type": "maxsat"}}', {}, KeyError, "maxsat"),
        ("{", {}, json.JSONDecodeError, "line 1"),
    ],
)
def test_what_can_not_be_read_is_refused(given, options, kind, message):
    with pytest.raises(kind, match=message):
        Problem.deserialize(given, **options)


def test_large_needs_many_terms_and_many_variables(monkeypatch):
    monkeypatch.setattr(Problem, "NUM_TERMS_LARGE", 4)
    monkeypatch.setattr(Problem, "NUM_VARIABLES_LARGE", 3)
    problem = three_spins()
    assert not problem.is_large()
    problem.add_slc_term([(1, 0)])
    assert problem.is_large()
    assert not Problem("x", [Term([0, 1], c=1)] * 9).is_large()


# Arrays ---------------------------------------------------------------------------------------------------------------


def test_terms_come_from_a_file_of_arrays(tmp_path):
    path = tmp_path / "terms.npz"
    np.savez(path, np.array([0, 1]), np.array([2.0, 3.0]), np.array([1.5, -2]))
    terms = Problem("x").terms_from_npz(str(path))
    assert terms == [Term([0, 2], c=1.5), Term([1, 3], c=-2.0)]
    assert {type(i) for term in terms for i in term.ids} == {int}


def test_arrays_may_have_names_of_their_own(tmp_path):
    path = tmp_path / "terms.npz"
    np.savez(path, i=np.array([5]), c=np.array([7]))
    assert Problem("x").terms_from_npz(str(path), ["i"], "c") == [Term([5], c=7.0)]
    assert Problem("x").is_valid_npz(["c", "i"], ["i"], "c")
    assert not Problem("x").is_valid_npz(["c", "i"])
    with pytest.raises(ValueError, match=r"must hold the arrays arr_0, arr_1, arr_2; it holds i, c"):
        Problem("x").terms_from_npz(str(path))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        Problem("x").terms_from_npz(str(tmp_path / "none.npz"))
    np.save(tmp_path / "one.npy", np.array([1]))
    with pytest.raises(ValueError, match="several arrays"):
        Problem("x").terms_from_npz(str(tmp_path / "one.npy"))


# Workspaces -----------------------------------------------------------------------------------------------------------


async def test_an_uploaded_problem_can_be_submitted_and_comes_back():
    async with with_echo(in_memory()) as workspace:
        problem = three_spins()
        uri = await problem.upload(workspace)
        assert uri == problem.uploaded_blob_uri
        job = await workspace.submit("acme.echo", input_data_uri=uri)
        assert (await job.get_results())["cost_function"] == json.loads(problem.serialize())["cost_function"]
        again = await problem.download(workspace)
        assert (again.terms, again.name) == (problem.terms, "three spins")


async def test_only_what_has_changed_is_uploaded_again():
    async with in_memory() as workspace:
        problem = three_spins()
        first = await problem.upload(workspace)
        assert await problem.upload(workspace) == first
        problem.add_term(1, [5])
        second = await problem.upload(workspace)
        assert second != first
        assert (await problem.download(workspace)).terms == problem.terms


async def test_an_upload_can_be_named_but_not_overwritten():
    async with in_memory() as workspace:
        problem = three_spins()
        uri = await problem.upload(workspace, "mine", "spins")
        assert uri.endswith("/mine/spins")
        problem.add_term(1, [5])
        with pytest.raises(BlobExists):
            await problem.upload(workspace, "mine", "spins")
        assert problem.uploaded_blob_uri is None


async def test_large_problems_are_uploaded_too():
    async with in_memory() as workspace:
        problem = Problem("x", [Term([i], None, i) for i in range(20_000)])
        await problem.upload(workspace)
        assert (await problem.download(workspace)).terms == problem.terms


async def test_what_is_not_uploaded_can_not_be_downloaded():
    async with in_memory() as workspace:
        with pytest.raises(RuntimeError, match="before it is uploaded"):
            await three_spins().download(workspace)
