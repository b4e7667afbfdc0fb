"""Bodies are JSON of both forms, short whatever the job, and never lie about what they leave out."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kyanite.core.events import EVENTS, Began, CancelRequested, Failed, Submitted, Succeeded
from kyanite.core.job import CostEstimate, CostEvent, ErrorData, JobDetails, Status
from kyanite.outlets.webhooks.payload import TYPES, encoded, encoded_test, message_id

TIME = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ADDRESS = "https://jobs.example.org"


@dataclass
class Endpoint:
    payload: str = "standard"
    name: str = "ours"
    workspace: str = "lab"


STANDARD, CLOUDEVENTS = Endpoint(), Endpoint("cloudevents")
JOB = JobDetails(
    id="0199-a",
    name="anneal",
    provider_id="local",
    target="local.sa",
    container_uri="kyanite:///lab/job-0199-a",
    input_data_uri="kyanite:///lab/job-0199-a/inputData",
    input_params={"token": "not to be sent"},
    status=Status.SUCCEEDED,
    creation_time=TIME,
    end_execution_time=TIME + timedelta(seconds=3),
    tags=("night",),
    metadata={"run": 7},
    workspace="lab",
    version=3,
    output_size=12,
    output_hash="ab" * 32,
    handle={"secret": "not to be sent"},
    cost_estimate=CostEstimate("EUR", 1.5, (CostEvent(dimension_id="s"),)),
)
EVENT = Succeeded(
    workspace="lab",
    job_id="0199-a",
    version=3,
    position=41,
    time=TIME,
    event_id="5f3a0",
    output_data_uri="kyanite:///lab/job-0199-a/outputData",
    output_hash="ab" * 32,
    output_size=12,
)


def read(webhook, event, details, address=ADDRESS):
    media, body = encoded(webhook, event, details, address=address)
    assert len(body) < 20_000
    return media, json.loads(body)


def test_the_standard_form():
    media, document = read(STANDARD, EVENT, JOB)
    assert media == "application/json"
    assert document == {
        "type": "job.succeeded",
        "timestamp": "2026-01-02T03:04:05.678901Z",
        "data": {
            "workspace": "lab",
            "job": {
                "id": "0199-a",
                "name": "anneal",
                "status": "Succeeded",
                "target": "local.sa",
                "provider_id": "local",
                "session_id": None,
                "priority": 0,
                "tags": ["night"],
                "metadata": {"run": 7},
                "creation_time": "2026-01-02T03:04:05.678901Z",
                "begin_execution_time": None,
                "end_execution_time": "2026-01-02T03:04:08.678901Z",
                "error_data": None,
                "cost_estimate": {"currency_code": "EUR", "estimated_total": 1.5},
                "output_data_format": None,
                "output_size": 12,
                "output_hash": "ab" * 32,
            },
            "version": 3,
            "position": 41,
            "links": {
                "job": "https://jobs.example.org/v1/jobs/0199-a",
                "output": "https://jobs.example.org/v1/jobs/0199-a/output",
            },
        },
    }


def test_the_form_of_cloudevents():
    media, document = read(CLOUDEVENTS, replace(EVENT, traceparent=TRACE), JOB)
    data = document.pop("data")
    assert media == "application/cloudevents+json"
    assert document == {
        "specversion": "1.0",
        "id": "msg_5f3a0",
        "source": "kyanite://jobs.example.org/lab",
        "type": "kyanite.job.succeeded",
        "subject": "0199-a",
        "time": "2026-01-02T03:04:05.678901Z",
        "datacontenttype": "application/json",
        "traceparent": TRACE,
    }
    assert data == read(STANDARD, EVENT, JOB)[1]["data"]
    assert "traceparent" not in read(CLOUDEVENTS, EVENT, JOB)[1]
    assert read(CLOUDEVENTS, EVENT, replace(JOB, traceparent=TRACE))[1]["traceparent"] == TRACE


@pytest.mark.parametrize("address", [None, ""])
def test_where_no_address_is_known_there_are_no_links(address):
    assert "links" not in read(STANDARD, EVENT, JOB, address)[1]["data"]
    assert read(CLOUDEVENTS, EVENT, JOB, address)[1]["source"] == "kyanite:///lab"


def test_an_address_may_end_with_a_slash():
    assert read(STANDARD, EVENT, JOB, f"{ADDRESS}/") == read(STANDARD, EVENT, JOB)
    assert read(CLOUDEVENTS, EVENT, JOB, f"{ADDRESS}:8443/")[1]["source"] == "kyanite://jobs.example.org:8443/lab"


def test_every_event_has_a_type():
    assert set(TYPES) == set(EVENTS)
    assert TYPES[Submitted] == "job.submitted"
    assert TYPES[Began] == "job.began"
    assert TYPES[CancelRequested] == "job.cancel_requested"
    assert len(set(TYPES.values())) == len(EVENTS)
    assert all(name.replace(".", "").replace("_", "").islower() for name in TYPES.values())


def test_an_id_is_that_of_the_event():
    assert message_id(EVENT) == "msg_5f3a0" == message_id(replace(EVENT, position=99))
    assert message_id(EVENT) != message_id(replace(EVENT, event_id="5f3a1"))


def test_inputs_and_handles_stay_here():
    for webhook in (STANDARD, CLOUDEVENTS):
        assert b"not to be sent" not in encoded(webhook, EVENT, JOB, address=None)[1]


def test_an_error_is_told():
    error = ErrorData("Infeasible", "no solution", "terms", ("a", "b"))
    event = Failed(time=TIME, event_id="1", error=error)
    told = read(STANDARD, event, replace(JOB, status=Status.FAILED, error_data=error))[1]["data"]
    assert told["job"]["error_data"] == {
        "code": "Infeasible",
        "message": "no solution",
        "target": "terms",
        "details": ["a", "b"],
    }
    assert "truncated" not in told


def test_what_is_long_is_cut_and_named():
    long = replace(JOB, metadata={"m": "x" * 60_000}, error_data=ErrorData("Code", "word " * 4_000))
    told = read(STANDARD, EVENT, long)[1]["data"]
    assert told["truncated"] == ["metadata", "error_data"]
    assert told["job"]["metadata"] == {}
    assert told["job"]["name"] == "anneal"
    assert told["job"]["error_data"]["code"] == "Code"
    message = told["job"]["error_data"]["message"]
    assert message.endswith("…")
    assert ("word " * 4_000).startswith(message[:-1])
    assert len(message) > 2_900


def test_what_just_fits_is_whole():
    lengths = [len(encoded(STANDARD, EVENT, replace(JOB, metadata={"m": "x" * n}), address=None)[1]) for n in (0, 1)]
    assert lengths[1] == lengths[0] + 1
    for length, cut in ((19_999, False), (20_000, True)):
        told = read(STANDARD, EVENT, replace(JOB, metadata={"m": "x" * (length - lengths[0])}), None)[1]["data"]
        assert ("truncated" in told) is cut


def test_a_test_names_the_webhook():
    media, body = encoded_test(STANDARD, "msg_t1", TIME, address=None)
    assert media == "application/json"
    assert json.loads(body) == {
        "type": "webhook.test",
        "timestamp": "2026-01-02T03:04:05.678901Z",
        "data": {"workspace": "lab", "webhook": "ours"},
    }
    media, body = encoded_test(CLOUDEVENTS, "msg_t1", TIME, address=ADDRESS)
    document = json.loads(body)
    assert media == "application/cloudevents+json"
    assert (document["id"], document["type"], document["subject"]) == ("msg_t1", "kyanite.webhook.test", "ours")


# Long ones are repetitions: hypothesis does not draw 50,000 characters by itself.
anything = st.one_of(
    st.text(st.characters(), max_size=20),
    st.builds(
        lambda text, times: text * times,
        st.text(st.characters(), min_size=1, max_size=5),
        st.sampled_from([50, 600, 9_000]),
    ),
    st.sampled_from(["\x00" * 20_000, "\ud800" * 5_000, "☃" * 7_000, '"\\' * 9_000, "\U0001f600" * 6_000]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(), anything),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(anything, inner, max_size=4)),
    max_leaves=8,
)
errors = st.builds(ErrorData, anything, anything, st.none() | anything, st.lists(anything, max_size=3).map(tuple))
costs = st.builds(CostEstimate, anything, st.floats())


@given(
    st.sampled_from([STANDARD, CLOUDEVENTS]),
    st.fixed_dictionaries(
        {},
        optional={
            "name": anything,
            "target": anything,
            "provider_id": anything,
            "session_id": anything,
            "output_data_format": anything,
            "output_hash": anything,
            "tags": st.lists(anything, max_size=64).map(tuple),
            "metadata": st.dictionaries(anything, values, max_size=4),
            "error_data": errors,
            "cost_estimate": costs,
            "input_params": values,
        },
    ),
    st.sampled_from([None, ADDRESS, f"https://{'a' * 250}:65535"]),
)
def test_any_job_has_a_short_body_of_valid_json(webhook, fields, address):
    job = replace(JOB, id="j" * 128, workspace="w" * 128, **fields)
    event = replace(EVENT, workspace="w" * 128, traceparent=TRACE)
    _, document = read(webhook, event, job, address)
    told = document["data"]
    assert told["job"]["id"] == "j" * 128
    assert told["position"] == 41
    assert set(told["job"]) == set(read(STANDARD, EVENT, JOB)[1]["data"]["job"])
    if "truncated" in told:
        assert told["truncated"]
        assert set(told["truncated"]) <= set(told["job"])
    else:
        whole = fields.get("name", "anneal").encode(errors="replace").decode()
        assert told["job"]["name"] == whole
