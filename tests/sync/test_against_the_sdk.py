"""Our workspace, job and target take what those of the retired SDK take, in the same order."""

import inspect
import json
import subprocess

import pytest

from kyanite import sync
from kyanite.sync import optimization, target

# Run by an interpreter that has the retired SDK, and by ours.
ASK = """
import importlib, inspect, json, sys, warnings

warnings.simplefilter("ignore")
answers = {}
for path in sys.argv[1:]:
    module, _, name = path.rpartition(".")
    kind = getattr(importlib.import_module(module), name)
    for method, function in inspect.getmembers(kind, callable):
        if method == "__init__" or not method.startswith("_"):
            parameters = inspect.signature(function).parameters.values()
            answers[f"{name}.{method}"] = [
                parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            ]
print(json.dumps(answers))
"""
THEIRS = [
    "azure.quantum.Workspace",
    "azure.quantum.Job",
    "azure.quantum.target.Target",
    *(f"azure.quantum.optimization.{name}" for name in ("Solver", "Problem", "OnlineProblem", "StreamingProblem")),
]
OURS = {
    "Workspace": sync.Workspace,
    "Job": sync.Job,
    "Target": target.Target,
    "Solver": optimization.Solver,
    "Problem": optimization.Problem,
    "OnlineProblem": optimization.OnlineProblem,
    "StreamingProblem": optimization.StreamingProblem,
}
ABSENT = {
    # Blobs are reached by `upload` and `download`, or through a job.
    "Job.upload_input_data",
    # How the SDK makes a target of what the service answers, and how it counts the service's prices.
    *("Target.from_target_status", "Target.estimate_cost", "Target.supports_protobuf"),
}
WAITING = {"submit", "optimize", "upload", "download", "refresh", "add_term", "add_terms"}

pytestmark = pytest.mark.timeout(300)  # the first to come makes the environment


@pytest.fixture(scope="module")
def theirs(qio_sdk):
    """The parameters of each method of the retired SDK."""
    child = subprocess.run([qio_sdk, "-I", "-c", ASK, *THEIRS], check=True, capture_output=True, text=True)
    answers = json.loads(child.stdout)
    assert set(OURS) == {name.partition(".")[0] for name in answers}
    return answers


def parameters(name):
    kind, _, method = name.partition(".")
    values = inspect.signature(getattr(OURS[kind], method)).parameters.values()
    return [parameter.name for parameter in values if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]


def test_arguments_stand_where_they_stood(theirs):
    mirrored = [name for name in theirs if name.partition(".")[0] in {"Workspace", "Job", "Target"}]
    assert len(mirrored) > 25
    assert {name for name in mirrored if not hasattr(OURS[name.partition(".")[0]], name.partition(".")[2])} == ABSENT
    for name in set(mirrored) - ABSENT:
        assert parameters(name)[: len(theirs[name])] == theirs[name], name


def test_what_waits_takes_what_it_took_and_blocks(theirs):
    waiting = [name for name in theirs if name.partition(".")[2] in WAITING]
    assert len(waiting) > 10
    for name in waiting:
        assert parameters(name)[: len(theirs[name])] == theirs[name], name
        kind, _, method = name.partition(".")
        assert not inspect.iscoroutinefunction(getattr(OURS[kind], method)), name


def test_every_class_of_the_asynchronous_face_is_here_and_none_is_awaited():
    import kyanite.optimization

    assert optimization.__all__ == kyanite.optimization.__all__
    for name in optimization.__all__:
        assert inspect.getmembers(getattr(optimization, name), inspect.iscoroutinefunction) == []
