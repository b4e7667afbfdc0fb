import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.core.job import Status
from kyanite.errors import InvalidRequest
from kyanite.http.azure import bodies
from kyanite.http.azure.bodies import BlobBody, JobBody, ResourceQuery, SessionBody
from kyanite.testing.stores import a_job

OLD = {
    "id": "a",
    "name": "MyOptimizationJob",
    "containerUri": "http://h/job-a/job-a?sig",
    "inputDataUri": "http://h/job-a/job-a/inputData",
    "inputDataFormat": "microsoft.qio.v2",
    "inputParams": {"params": {}},
    "providerId": "Microsoft",
    "target": "microsoft.simulatedannealing-parameterfree.cpu",
    "outputDataFormat": "microsoft.qio-results.v2",
}
NEW = {
    "name": "GHZ",
    "containerUri": "http://h/job-a/job-a?sig",
    "inputDataFormat": "qir.v1",
    "outputDataFormat": "microsoft.quantum-results.v2",
    "inputDataUri": "http://h/job-a/job-a/inputData",
    "providerId": "ionq",
    "target": "ionq.simulator",
    "inputParams": {"shots": 400, "items": [{"entryPoint": "ENTRYPOINT__main", "arguments": []}]},
    "metadata": {"measurement0": "m\x1f0,1,2", "qubits": 3},
    "sessionId": "s",
    "priority": "High",
    "tags": ["t"],
    "itemType": "Job",
    "status": 17,
}


def submission(document, job_id="a"):
    return bodies.submission(bodies.read(msgspec.json.encode(document), JobBody), job_id, "kyanite:///default/x/y")


def test_what_the_older_client_submits():
    assert submission(OLD) == {
        "target": "microsoft.simulatedannealing-parameterfree.cpu",
        "job_id": "a",
        "name": "MyOptimizationJob",
        "provider_id": "Microsoft",
        "session_id": None,
        "input_data_uri": "kyanite:///default/x/y",
        "input_data_format": "microsoft.qio.v2",
        "output_data_format": "microsoft.qio-results.v2",
        "input_params": {"params": {}},
        "metadata": None,
        "tags": (),
        "priority": 0,
    }


def test_what_the_newer_client_submits():
    assert submission(NEW) == {
        "target": "ionq.simulator",
        "job_id": "a",
        "name": "GHZ",
        "provider_id": "ionq",
        "session_id": "s",
        "input_data_uri": "kyanite:///default/x/y",
        "input_data_format": "qir.v1",
        "output_data_format": "microsoft.quantum-results.v2",
        "input_params": NEW["inputParams"],
        "metadata": NEW["metadata"],
        "tags": ["t"],
        "priority": 10,
    }


def test_what_opens_a_session():
    document = {"name": "", "providerId": "ionq", "target": "ionq.simulator", "itemType": "Session"}
    assert bodies.opening(bodies.read(msgspec.json.encode(document), SessionBody), "s") == {
        "target": "ionq.simulator",
        "session_id": "s",
        "name": None,
        "provider_id": "ionq",
        "job_failure_policy": "Abort",
        "priority": 0,
        "tags": (),
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": 7}, "name"),
        ({"tags": "x"}, "tags"),
        ({"tags": ["x", 1]}, "tags[1]"),
        ({"metadata": []}, "metadata"),
        ({"target": None}, "target"),
        ({"priority": "Urgent"}, "priority"),
        ({"inputDataUri": 1}, "inputDataUri"),
        ({"id": "b"}, "id"),
    ],
)
def test_a_refusal_names_the_field(change, field):
    with pytest.raises(InvalidRequest) as refused:
        submission(OLD | change)
    assert field in str(refused.value)
    assert refused.value.field.partition("[")[0] == field.partition("[")[0]


@given(st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(msgspec.json.encode))
def test_whatever_comes_is_read_or_an_invalid_request(raw):
    for kind in (JobBody, SessionBody, BlobBody, ResourceQuery):
        try:
            found = bodies.read(raw, kind)
        except InvalidRequest:
            continue
        assert isinstance(found, kind)


def test_json_that_is_too_deep_is_an_invalid_request():
    with pytest.raises(InvalidRequest):
        bodies.read(b'{"inputParams":' + b"[" * 100_000, JobBody)


# Changes of labels --------------------------------------------------------------------------------------------------

WAITING = a_job(1, name="before", tags=("old",), priority=0)
values = st.none() | st.text(max_size=5) | st.integers() | st.lists(st.text(max_size=3), max_size=3)


@pytest.mark.parametrize(
    ("patch", "changes"),
    [
        ({}, {}),
        (
            {"name": "n", "priority": "High", "tags": ["a", "b"]},
            {"name": "n", "priority": 10, "tags": ["a", "b"]},
        ),
        ({"name": None, "tags": None, "priority": None}, {"name": "acme.echo", "tags": []}),
        ({"priority": "standard"}, {}),
        ({"metadata": {}, "status": "Succeeded"}, {}),
        ([{"op": "replace", "path": "/name", "value": "n"}], {"name": "n"}),
        (
            [{"op": "add", "path": "/priority", "value": "High"}, {"op": "remove", "path": "/tags"}],
            {"priority": 10, "tags": []},
        ),
        ([], {}),
    ],
)
def test_changes_of_both_generations(patch, changes):
    assert bodies.amendment(msgspec.json.encode(patch), WAITING) == changes


def test_a_priority_that_a_job_has_already_is_no_change():
    job = a_job(1, priority=3, status=Status.SUCCEEDED)
    assert bodies.amendment(b'{"priority": "High", "name": "n"}', job) == {"name": "n"}
    assert bodies.amendment(b'{"priority": "Standard"}', job) == {"priority": 0}


@pytest.mark.parametrize(
    "patch",
    [
        "x",
        {"tags": "x"},
        {"name": 1},
        {"priority": "Low"},
        [{"op": "move", "path": "/name", "from": "/x"}],
        [{"op": "replace", "path": "/status", "value": "Succeeded"}],
        [{"op": "replace", "path": "/tags", "value": [1]}],
        [{"path": "/name"}],
        [{"op": "remove", "path": "/name"}] * 101,
    ],
)
def test_other_changes_are_refused(patch):
    with pytest.raises(InvalidRequest):
        bodies.amendment(msgspec.json.encode(patch), WAITING)


@given(
    st.dictionaries(st.sampled_from(["name", "priority", "tags", "other"]), values)
    | st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["add", "remove", "test"]), "path": st.sampled_from(["/name", "/tags", "x"])},
            optional={"value": values},
        )
    )
)
def test_any_patch_is_a_change_or_an_invalid_request(patch):
    try:
        changes = bodies.amendment(msgspec.json.encode(patch), WAITING)
    except InvalidRequest:
        return
    assert changes.keys() <= {"name", "tags", "priority"}
