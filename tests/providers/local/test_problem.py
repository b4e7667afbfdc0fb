import gzip
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import ProviderError
from kyanite_providers.local import problem as module
from kyanite_providers.local import term_list
from kyanite_providers.local.frames import Source
from kyanite_providers.local.problem import problem_of, read_problem
from kyanite_providers.local.qio import read_qio
from tests.providers.local.faketask import ising
from tests.providers.local.messages import archive, message


def read(problem):
    return problem_of(read_qio(json.dumps(problem).encode()), 0)


def cost_on_paper(problem, values):
    """The objective as the wire has it, one term at a time."""
    function = problem["cost_function"]
    product = lambda term: term["c"] * np.prod([values[i] for i in term["ids"]], initial=1.0)
    groups = function.get("terms_slc", [])
    linear = sum(product(term) for term in function["terms"])
    return linear + sum(group["c"] * sum(map(product, group["terms"])) ** 2 for group in groups)


def cost_of_arrays(problem, values):
    state = np.array([values[i] for i in problem.ids.tolist()], dtype=float)
    cost = 0.0
    for t, c in enumerate(problem.coefficient):
        cost += c * state[problem.variable[problem.start[t] : problem.start[t + 1]]].prod()
    for g, scale in enumerate(problem.group_scale):
        part = slice(problem.group_start[g], problem.group_start[g + 1])
        linear = problem.group_offset[g] + (problem.group_weight[part] * state[problem.group_variable[part]]).sum()
        cost += scale * linear**2
    return cost


IDS = st.sampled_from([0, 1, 2, 5, 40, 10**6, 2**63 - 1])
COEFFICIENTS = st.integers(-8, 8).map(lambda c: c / 4)
TERMS = st.fixed_dictionaries({"c": COEFFICIENTS, "ids": st.lists(IDS, max_size=5)})
LINEAR = st.fixed_dictionaries({"c": COEFFICIENTS, "ids": st.lists(IDS, max_size=1)})
GROUPS = st.fixed_dictionaries({"c": COEFFICIENTS, "terms": st.lists(LINEAR, max_size=5)})


@given(
    kind=st.sampled_from(["ising", "pubo"]),
    terms=st.lists(TERMS, min_size=1, max_size=6),
    groups=st.lists(GROUPS, max_size=3),
    bits=st.integers(0, 2**7 - 1),
)
def test_arrays_cost_what_the_wire_says(kind, terms, groups, bits):
    sent = {"cost_function": {"version": "1.0", "type": f"{kind}_grouped", "terms": terms, "terms_slc": groups}}
    problem = read(sent)
    low = -1 if kind == "ising" else 0
    values = {i: 1 if bits >> k & 1 else low for k, i in enumerate([0, 1, 2, 5, 40, 10**6, 2**63 - 1])}
    assert cost_of_arrays(problem, values) == cost_on_paper(sent, values)
    for t in range(len(terms)):
        part = problem.variable[problem.start[t] : problem.start[t + 1]].tolist()
        assert len(set(part)) == len(part)


@given(
    kind=st.sampled_from(["ising", "pubo"]),
    terms=st.lists(TERMS, min_size=1, max_size=12),
    block=st.integers(1, 4),
    sparse=st.booleans(),
)
def test_blocks_change_nothing(kind, terms, block, sparse):
    sent = {"cost_function": {"version": "1.0", "type": kind, "terms": terms}}
    whole = read(sent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        patch.setattr(module, "_SPARSE_MIN", 0 if sparse else 1 << 20)
        blocks = read(sent)
    for name in ("ids", "coefficient", "start", "variable"):
        one, other = getattr(whole, name), getattr(blocks, name)
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()


@pytest.mark.parametrize("packed", [False, True])
def test_long_input_becomes_the_same_problem(monkeypatch, tmp_path, packed):
    content = json.dumps(ising(*((k / 8, k, k + 1, k) for k in range(2000)), (3,))).encode()
    path = tmp_path / "input"
    path.write_bytes(gzip.compress(content) if packed else content)
    at_once = read_problem(Source("", path=str(path)), 1 << 20)
    monkeypatch.setattr(module, "AT_ONCE_BYTES_MAX", 100)
    monkeypatch.setattr(term_list, "AT_ONCE_BYTES_MAX", 100)
    scanned = read_problem(Source("", path=str(path)), 1 << 20)
    assert scanned.inflated_bytes == at_once.inflated_bytes == len(content)
    for name in ("ids", "coefficient", "start", "variable"):
        assert getattr(scanned, name).tolist() == getattr(at_once, name).tolist()


MEASURED = """
import json, sys
from pathlib import Path
from kyanite_providers.local.frames import Source
from kyanite_providers.local.problem import read_problem

def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))

read_problem(Source("", path=sys.argv[1]), 1 << 31)
bare = resident("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
problem = read_problem(Source("", path=sys.argv[2]), 1 << 31)
arrays = problem.coefficient, problem.start, problem.variable, problem.ids
print(json.dumps([problem.coefficient.size, resident("VmHWM") - bare, sum(array.nbytes for array in arrays)]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are read from /proc")
@pytest.mark.parametrize("form", ["json", "protobuf"])
def test_peak_is_at_most_four_times_the_arrays(tmp_path, form):
    terms = 1_000_000
    count, path = 1000, tmp_path / "input"
    listed = [(k / 7, k, k + 5) for k in range(count)]
    if form == "json":
        text = b", ".join(b'{"c": %r, "ids": [%d, %d]}' % term for term in listed)
        body = b", ".join([text] * (terms // count))
        document = b'{"cost_function": {"version": "1.0", "type": "ising", "terms": [%b]}}'
        whole, small = document % body, document % b", ".join([text] * 200)
    else:
        parts = [message(*listed), *[message(*listed, kind=0, version=None)] * (terms // count - 1)]
        whole, small = archive(*parts), archive(parts[0])
    path.write_bytes(gzip.compress(whole, 1))
    (tmp_path / "small").write_bytes(small)
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "small"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, peak, arrays = json.loads(done.stdout)
    assert count == terms
    assert peak <= 4 * arrays


def test_repeated_ids_are_simplified_by_the_type_of_the_variable():
    terms = ((1, 3, 3), (2, 3, 3, 3), (4, 7, 3, 7))
    spins, bits = read(ising(*terms)), read(ising(*terms, kind="pubo"))
    assert spins.ids.tolist() == bits.ids.tolist() == [3, 7]
    assert spins.start.tolist() == [0, 0, 1, 2]
    assert spins.variable.tolist() == [0, 0]
    assert bits.start.tolist() == [0, 1, 2, 4]
    assert sorted(bits.variable[2:].tolist()) == [0, 1]


def test_ids_keep_their_numeric_order():
    problem = read(ising((1, 100), (1, 9), (1, 2**63 - 1, 20)))
    assert problem.ids.tolist() == [9, 20, 100, 2**63 - 1]
    assert problem.variable.tolist() == [2, 0, 3, 1]
    assert problem.variable.dtype == np.int32


def test_constants_alone_are_a_problem():
    problem = read(ising((4,), (-1.5,)))
    assert problem.ids.size == 0
    assert problem.coefficient.tolist() == [4, -1.5]


def test_initial_configuration_may_leave_variables_out():
    problem = read(ising((1, 5, 9), (1, 30), initial_configuration={"9": -1, "5": 1}))
    assert dict(zip(problem.initial_variable.tolist(), problem.initial_value.tolist(), strict=True)) == {0: 1, 1: -1}


@pytest.mark.parametrize(
    ("problem", "azq", "field"),
    [
        (
            ising((1, 0), initial_configuration={"4": 1}),
            "AZQ104: ",
            "cost_function.initial_configuration.4",
        ),
        (
            ising(
                kind="pubo_grouped",
                terms_slc=[
                    {"c": 1, "terms": []},
                    {"c": 1, "terms": [{"c": 1, "ids": [3]}, {"c": 1, "ids": [3, 4]}]},
                ],
            ),
            "AZQ103: ",
            "cost_function.terms_slc[1].terms[1].ids",
        ),
        (ising((1e308, 0), (1e308, 1)), "AZQ103: ", "cost_function"),
        (
            ising(kind="ising_grouped", terms_slc=[{"c": 1e300, "terms": [{"c": 1e10, "ids": [0]}]}]),
            "AZQ103: ",
            "cost_function",
        ),
    ],
)
def test_fault_is_refused_by_name(problem, azq, field):
    with pytest.raises(ProviderError) as caught:
        read(problem)
    assert caught.value.error.message.startswith(azq)
    assert caught.value.error.target == field
