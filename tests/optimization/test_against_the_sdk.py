"""Our classes and those of the retired SDK, asked the same things."""

import json
import math
import subprocess
from pathlib import Path
from random import Random

import pytest

from tests.optimization import answers

SCRIPT = Path(answers.__file__)
CASES = 400

SOLVERS = {
    "SimulatedAnnealing": ("beta_start", "beta_stop", "sweeps", "restarts", "timeout", "seed"),
    "ParallelTempering": ("sweeps", "replicas", "all_betas", "timeout", "seed"),
    "Tabu": ("sweeps", "tabu_tenure", "timeout", "seed", "restarts"),
    "QuantumMonteCarlo": (
        *("trotter_number", "seed", "transverse_field_start", "transverse_field_stop", "restarts", "sweeps"),
        "beta_start",
    ),
    "PopulationAnnealing": ("alpha", "seed", "population", "sweeps", "beta", "timeout"),
    "SubstochasticMonteCarlo": (
        *("alpha", "seed", "target_population", "step_limit", "beta", "steps_per_walker", "timeout"),
    ),
    "SimulatedBifurcationMachine": ("steps", "loops", "target", "maxout", "timeout", "dt", "C", "algo", "auto"),
}
VALUES = [1, 2, 3, 600, 10_000, 0, -1, 0.5, 1.5, 2.0, -0.5, True, "2", "2.0", [1, 2], [0.5, 1.5, 2.5], []]
ENDS = [0, 1, 2, 0.5, -1, 5.0]

pytestmark = pytest.mark.timeout(300)  # the first to come makes the environment


@pytest.fixture(scope="module")
def asked(qio_sdk):
    """Ask both SDKs; return a list of (case, what the retired one answers, what ours answers)."""
    ours = answers.sdk(answers.OURS)

    def ask(cases):
        assert cases
        child = subprocess.run(
            [qio_sdk, "-I", SCRIPT], input=json.dumps(cases), check=True, capture_output=True, text=True
        )
        expected = json.loads(child.stdout)
        return [
            (case, theirs, json.loads(json.dumps(answers.answer(ours, case))))
            for case, theirs in zip(cases, expected, strict=True)
        ]

    return ask


def differing(triples):
    """The cases in which the answers are not alike."""
    return [(case, theirs, ours) for case, theirs, ours in triples if not alike(theirs, ours)]


def alike(theirs, ours):
    """Tell whether an answer is the same, or an exception that whoever catches theirs catches too."""
    if "raises" in theirs:
        return theirs["raises"][0] in ours.get("raises", ())
    return "is" in ours and equal(theirs["is"], ours["is"])


def equal(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return math.isclose(one, other, rel_tol=1e-12) if isinstance(one, float) else one == other


def shares(triples):
    """How many answers are values, and how many are exceptions: a test of only one kind proves little."""
    raised = sum("raises" in theirs for _, theirs, _ in triples)
    return len(triples) - raised, raised


# Problems -------------------------------------------------------------------------------------------------------------


def number(random):
    return random.choice([random.randint(-9, 9), random.randint(-40, 40) / 8, random.uniform(-5, 5), 10**20, 0, 1e90])


def monomial(random, variables, degree_max=4):
    return [number(random), random.choices(variables, k=random.randint(0, min(degree_max, len(variables))))]


def linear(random, variables):
    chosen = random.sample(variables, random.randint(0, len(variables)))
    constant = [[number(random), []]] if random.random() < 0.5 else []
    return [[number(random), [variable]] for variable in chosen] + constant


def stated(random, *, grouped=True):
    variables = random.sample(range(12), random.randint(1, 6))
    kind = random.choice(["ising", "pubo"])
    values = (0, 1) if kind == "pubo" else (-1, 1)
    problem = {
        "name": random.choice(["a problem", 'ünïcode "quoted" \\ \n', ""]),
        "type": kind,
        "terms": [monomial(random, variables) for _ in range(random.randint(0, 8))],
        "added": [monomial(random, variables) for _ in range(random.randint(0, 2))],
    }
    if grouped and random.random() < 0.5:
        problem["groups"] = [[number(random), linear(random, variables)] for _ in range(random.randint(0, 2))]
        problem["grouped"] = [[number(random), linear(random, variables)] for _ in range(random.randint(0, 1))]
        problem["added_groups"] = [[2, [[number(random), variables[0]], [1.5, None]]]] * random.randint(0, 1)
    if random.random() < 0.5:
        problem["init"] = {str(variable): random.choice(values) for variable in variables[: random.randint(0, 3)]}
    return problem, variables, values


def assigned(random, variables, values):
    keys = random.choice([str, int])
    return {keys(variable): random.choice(values) for variable in variables}


def problem_cases(random):
    problem, variables, values = stated(random)
    some = random.sample(variables, random.randint(0, len(variables)))
    real = (0.5, -0.25, 3, 1.7)
    yield {"ask": "serialized", "problem": problem}
    yield {"ask": "cost", "problem": problem, "configuration": assigned(random, variables, values)}
    yield {"ask": "cost", "problem": problem, "configuration": assigned(random, some, real)}
    yield {"ask": "fixed", "problem": problem, "fixed": assigned(random, some, values)}
    yield {"ask": "fixed", "problem": problem, "fixed": assigned(random, some, real)}
    yield {"ask": "terms_of", "problem": problem, "variable": random.randrange(12)}
    limits = {"variables": random.randint(0, 6), "terms_count": random.randint(0, 14)}
    yield {"ask": "is_large", "problem": problem, **limits}


def test_problems(asked):
    random = Random(3)
    triples = asked([case for _ in range(CASES) for case in problem_cases(random)])
    assert differing(triples) == []
    assert min(shares(triples)) > CASES / 5
    assert {theirs["is"] for case, theirs, _ in triples if case["ask"] == "is_large"} == {True, False}


def test_terms_and_groups(asked):
    values = [1, 2.5, 0, True, "5", [5], [[5]], [], None, {"a": 1}, 10**30]
    cases = [{"ask": "term", "arguments": {"c": value, "indices": [1]}} for value in values]
    cases += [{"ask": "term", "arguments": {"w": value, "c": 7, "indices": [2, 1]}} for value in values]
    cases += [{"ask": "term", "arguments": {"indices": [1]}}]
    inner = [[], [[1, [0]]], [[1, [0]], [2, [0]]], [[1, []], [2, []]], [[1, [0, 1]]], [[1, [3]], [2.5, []]]]
    cases += [{"ask": "group", "group": [c, terms]} for terms in inner for c in values]
    triples = asked(cases)
    assert differing(triples) == []
    assert min(shares(triples)) > 20


def test_ungrouped_problems_are_read_alike(asked):
    random = Random(5)
    texts = [
        *("", "x", "{}", '{"cost_function": {}}', '{"cost_function": {"type": "maxsat"}}'),
        '{"cost_function": {"type": "ising", "terms": [{"ids": [1]}]}}',
        '{"cost_function": {"type": "ising", "terms": [{"c": "1", "ids": [1]}]}}',
        '{"cost_function": {"type": "ising", "terms": 5}}',
        '{"cost_function": {"type": "pubo"}, "metadata": null}',
        '{"metadata": {"name": "kept"}, "cost_function": {"type": "pubo_grouped", "initial_configuration": {"1": 0}}}',
    ]
    cases = [{"ask": "read_again", "text": text, "name": name} for text in texts for name in (None, "given")]
    ours = answers.sdk(answers.OURS)
    for _ in range(CASES // 4):
        problem, *_ = stated(random, grouped=False)
        cases.append({"ask": "read_again", "text": answers.problem(ours, {"problem": problem}).serialize()})
    triples = asked(cases)
    assert differing(triples) == []
    assert min(shares(triples)) > 5


# Solvers --------------------------------------------------------------------------------------------------------------


def solver_case(random):
    name = random.choice(list(SOLVERS))
    given = random.sample(SOLVERS[name], random.randint(0, len(SOLVERS[name])))
    sane = random.random() < 0.5
    case = {
        "ask": "solver",
        "class": name,
        "arguments": {parameter: value(random, parameter, sane) for parameter in given},
    }
    if random.random() < 0.2:
        case["number_of_solutions"] = random.choice(VALUES)
    if random.random() < 0.2:
        case["arguments"]["name"] = random.choice(["microsoft.simulatedannealing.fpga", "acme.tabu.cpu", "x.tabu.y"])
    if name == "SimulatedAnnealing" and random.random() < 0.2:
        case["arguments"]["platform"] = random.choice(["CPU", "FPGA"])
    return case


def value(random, parameter, sane):
    if parameter in {"alpha", "beta"} and random.random() < 0.8:
        rises = parameter == "beta"
        ends = sorted(random.sample(ENDS, 2), reverse=not rises) if sane else random.choices(ENDS, k=2)
        return {"schedule": [random.choice(["linear", "geometric"]), *ends]}
    if parameter == "all_betas" and sane:
        return random.choice([[0.5, 1.5], [1, 2, 3]])
    return random.choice([1, 2, 3] if sane else VALUES)


def test_solvers(asked):
    random = Random(7)
    cases = [solver_case(random) for _ in range(5 * CASES)]
    cases += [{"ask": "solver", "class": name, "arguments": {}} for name in SOLVERS]
    cases += [
        {"ask": "solver", "class": "Solver", "arguments": {"name": "a.b", **more}}
        for more in (
            {},
            {"params": {"x": 1, "y": None}},
            {"params": {"x": 1.5}, "force_str_params": True},
            {"params": {"x": [1]}, "nested_params": False},
            {"provider_id": "acme", "input_data_format": "i", "output_data_format": "o"},
            {"unknown": 1},
        )
    ]
    cases += [{"ask": "solver", "class": name, "arguments": {"unknown": 1}} for name in SOLVERS]
    triples = asked(cases)
    assert differing(triples) == []
    assert min(shares(triples)) > CASES / 2
    assert {case["class"] for case, theirs, _ in triples if "is" in theirs} == {*SOLVERS, "Solver"}


def test_arguments_stand_in_the_same_order(asked):
    positional = {
        "SimulatedAnnealing": [0.1, 2.0, 10, 3, 5, 7],
        "ParallelTempering": [10, 2, [0.1, 2.0], 5, 7],
        "Tabu": [10, 3, 5, 7, 9],
        "QuantumMonteCarlo": [2, 7, 10.0, 0.1, 3, 10, 0.5],
        "PopulationAnnealing": [2.0, 7, 3, 10],
        "SubstochasticMonteCarlo": [None, 7, 9, 10, None, 3, 5],
        "SimulatedBifurcationMachine": [1, 2, 3.5, 4, 5.5, 0.5, 0.25, "1.5", False],
    }
    names = {name: answers.solver_class(answers.sdk(answers.OURS), name).target_names[0] for name in positional}
    cases = [
        {"ask": "solver", "class": name, "positional": [names[name], *given], "arguments": {}}
        for name, given in positional.items()
    ]
    triples = asked(cases)
    assert differing(triples) == []
    assert shares(triples) == (len(positional), 0)


def test_solvers_take_the_same_problems(asked):
    problems = [{"terms": [[1, [0]]], "type": kind} for kind in ("ising", "pubo")]
    problems += [{**problem, "groups": [[1, [[1, [0]]]]]} for problem in problems]
    solvers = [(name, {}) for name in SOLVERS] + [("Solver", {"name": "microsoft.tabu.cpu"})]
    cases = [
        {"ask": "taken", "class": name, "arguments": arguments, "problem": problem}
        for name, arguments in solvers
        for problem in problems
    ]
    triples = asked(cases)
    assert differing(triples) == []
    assert shares(triples) == (28, 4)


def test_schedules(asked):
    kinds = ["linear", "geometric", "Linear", "", None, 1]
    triples = asked([{"ask": "schedule", "schedule": [kind, 1, 0.5]} for kind in kinds])
    assert differing(triples) == []
    assert shares(triples) == (2, 4)


# Where the retired SDK is at fault ------------------------------------------------------------------------------------


def test_grouped_problems_are_read_whole(asked):
    """The retired one puts the groups, as one list, among the single terms."""
    problem = {"terms": [[1, [0]]], "groups": [[2, [[1, [0]], [3, []]]]], "type": "pubo"}
    text = answers.problem(answers.sdk(answers.OURS), {"problem": problem}).serialize()
    ((_, theirs, ours),) = asked([{"ask": "read_again", "text": text}])
    assert theirs["raises"][0] == "AttributeError"
    assert ours["is"] == ["a problem", "pubo_grouped", None, json.loads(text)]


def test_terms_without_variables_are_constants(asked):
    """The retired one keeps `None` for their variables, and fails when it uses them."""
    case = {"ask": "cost", "problem": {"added": [[5, None]]}, "configuration": {}}
    ((_, theirs, ours),) = asked([case])
    assert theirs["raises"][0] == "TypeError"
    assert ours["is"] == 5.0
