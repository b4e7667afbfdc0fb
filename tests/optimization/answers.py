"""What an SDK answers to cases: run by an interpreter that has the retired one, and imported to ask ours the same.

`python answers.py` reads a JSON list of cases from stdin and writes the list of answers. Only what both SDKs have may
be used here.
"""

import contextlib
import importlib
import io
import json
import sys
import warnings
from types import SimpleNamespace

RETIRED = ("azure.quantum.optimization", "azure.quantum.target.toshiba")
OURS = ("kyanite.optimization", "kyanite.optimization.toshiba")


def sdk(modules):
    """Return the SDK that these modules are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classes, toshiba = map(importlib.import_module, modules)
        return SimpleNamespace(classes=classes, toshiba=toshiba)


def answer(sdk, case):
    """Return the answer to one case, or the exception that is the answer."""
    try:
        # The retired one prints some of its errors.
        with contextlib.redirect_stdout(io.StringIO()):
            return {"is": ANSWERS[case["ask"]](sdk, case)}
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        return {
            "raises": [kind.__name__ for kind in type(error).__mro__ if kind.__module__ in {"builtins", "json.decoder"}]
        }


def term(sdk, case):
    return sdk.classes.Term(**case["arguments"]).to_dict()


def group(sdk, case):
    return slc_term(sdk, case["group"]).to_dict()


def serialized(sdk, case):
    return json.loads(problem(sdk, case).serialize())


def cost(sdk, case):
    return number(problem(sdk, case).evaluate(case["configuration"]))


def fixed(sdk, case):
    return json.loads(problem(sdk, case).set_fixed_variables(case["fixed"]).serialize())


def terms_of(sdk, case):
    return [term.to_dict() for term in problem(sdk, case).get_terms(case["variable"])]


def read_again(sdk, case):
    read = sdk.classes.Problem.deserialize(case["text"], case.get("name"))
    return [read.name, read.problem_type.name, read.init_config, json.loads(read.serialize())]


def is_large(sdk, case):
    kind = sdk.classes.Problem
    kept = kind.NUM_VARIABLES_LARGE, kind.NUM_TERMS_LARGE
    kind.NUM_VARIABLES_LARGE, kind.NUM_TERMS_LARGE = case["variables"], case["terms_count"]
    try:
        return problem(sdk, case).is_large()
    finally:
        kind.NUM_VARIABLES_LARGE, kind.NUM_TERMS_LARGE = kept


def schedule(sdk, case):
    made = sdk.classes.RangeSchedule(*case["schedule"])
    return [made.schedule_type, made.initial, made.final]


def solver(sdk, case):
    made = solver_class(sdk, case["class"])(None, *case.get("positional", ()), **arguments(sdk, case["arguments"]))
    if "number_of_solutions" in case:
        made.set_number_of_solutions(case["number_of_solutions"])
    names = ("name", "provider_id", "input_data_format", "output_data_format", "params", "nested_params")
    return [*(getattr(made, name) for name in names), list(made.target_names), made.supports_grouped_terms()]


def taken(sdk, case):
    """Whether the solver finds the problem to be one that it can solve."""
    made = solver_class(sdk, case["class"])(None, **arguments(sdk, case["arguments"]))
    made.check_valid_problem(problem(sdk, case))
    return True


ANSWERS = {
    answer.__name__: answer
    for answer in (term, group, serialized, cost, fixed, terms_of, read_again, is_large, schedule, solver, taken)
}


def problem(sdk, case):
    """Make the problem of a case, partly by the constructor and partly by each of the ways to add terms."""
    stated = case["problem"]
    classes = sdk.classes
    terms = [classes.Term(c=c, indices=ids) for c, ids in stated.get("terms", ())]
    half = len(terms) // 2
    made = classes.Problem(
        stated.get("name", "a problem"),
        terms[:half] + [slc_term(sdk, group) for group in stated.get("groups", ())],
        stated.get("init"),
        classes.ProblemType[stated.get("type", "ising")],
    )
    made.add_terms(terms[half:])
    for c, ids in stated.get("added", ()):
        made.add_term(c=c, indices=ids)
    for c, pairs in stated.get("added_groups", ()):
        made.add_slc_term([tuple(pair) for pair in pairs], c)
    for c, inner in stated.get("grouped", ()):
        made.add_terms([classes.Term(c=c, indices=ids) for c, ids in inner], classes.GroupType("slc"), c)
    return made


def slc_term(sdk, group):
    c, inner = group
    return sdk.classes.SlcTerm([sdk.classes.Term(c=c, indices=ids) for c, ids in inner], c)


def solver_class(sdk, name):
    return getattr(sdk.toshiba if name == "SimulatedBifurcationMachine" else sdk.classes, name)


def arguments(sdk, given):
    """Put objects where the case has their description."""
    made = dict(given)
    for name, value in given.items():
        if isinstance(value, dict) and "schedule" in value:
            made[name] = sdk.classes.RangeSchedule(*value["schedule"])
    if "platform" in given:
        made["platform"] = sdk.classes.HardwarePlatform[given["platform"]]
    return made


def number(value):
    """Return a number as a Python number."""
    return value.item() if hasattr(value, "item") else value


def main():
    """Answer for the retired SDK."""
    retired = sdk(RETIRED)
    json.dump([answer(retired, case) for case in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
