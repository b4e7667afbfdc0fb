from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.core.job import CostEstimate, CostEvent, ErrorData, JobDetails, Status
from kyanite.core.session import JobFailurePolicy, SessionDetails, SessionStatus
from kyanite.http.azure import wire
from kyanite.http.azure.bodies import priority_of
from kyanite.http.azure.wire import Links

TIME = datetime(2026, 11, 21, 20, 0, 1, 250_000, tzinfo=UTC)
LINKS = Links(
    "http://h/job-a/job-a?sig", "http://h/job-a/job-a/inputData?sig", "http://h/job-a/job-a/rawOutputData?sig"
)
JOB = JobDetails(
    id="a",
    name="MyOptimizationJob",
    provider_id="microsoft",
    provider_spelt="Microsoft",
    target="microsoft.simulatedannealing-parameterfree.cpu",
    session_id="s",
    container_uri="kyanite:///default/job-a",
    input_data_uri="kyanite:///default/job-a/inputData",
    input_data_format="microsoft.qio.v2",
    input_params={"params": {"seed": 7}},
    output_data_format="microsoft.qio-results.v2",
    metadata={"qiskit": "True", "qubits": 3, "list": [0, 1]},
    tags=("x", "y"),
    priority=1,
    status=Status.FAILED,
    creation_time=TIME,
    begin_execution_time=TIME + timedelta(seconds=1),
    end_execution_time=TIME + timedelta(seconds=1.75),
    updated_time=TIME + timedelta(seconds=1.75),
    cost_estimate=CostEstimate("EUR", 0.5, (CostEvent(dimension_id="h", dimension_name="hours", amount_billed=2.0),)),
    error_data=ErrorData("InvalidInputData", "AZQ103: terms[0].c", "terms[0].c", ("a number",)),
)
NEW = {
    "id": "a",
    "name": "MyOptimizationJob",
    "itemType": "Job",
    "jobType": "Optimization",
    "containerUri": "http://h/job-a/job-a?sig",
    "inputDataUri": "http://h/job-a/job-a/inputData?sig",
    "inputDataFormat": "microsoft.qio.v2",
    "inputParams": {"params": {"seed": 7}},
    "providerId": "Microsoft",
    "target": "microsoft.simulatedannealing-parameterfree.cpu",
    "metadata": {"qiskit": "True", "qubits": 3, "list": [0, 1]},
    "outputDataUri": "http://h/job-a/job-a/rawOutputData?sig",
    "outputDataFormat": "microsoft.qio-results.v2",
    "sessionId": "s",
    "priority": "High",
    "tags": ["x", "y"],
    "status": "Failed",
    "creationTime": "2026-11-21T20:00:01.250000Z",
    "beginExecutionTime": "2026-11-21T20:00:02.250000Z",
    "endExecutionTime": "2026-11-21T20:00:03Z",
    "cancellationTime": None,
    "lastUpdatedTime": "2026-11-21T20:00:03Z",
    "costEstimate": {
        "currencyCode": "EUR",
        "estimatedTotal": 0.5,
        "events": [
            {
                "dimensionId": "h",
                "dimensionName": "hours",
                "measureUnit": "",
                "amountBilled": 2.0,
                "amountConsumed": 0.0,
                "unitPrice": 0.0,
            }
        ],
    },
    "errorData": {
        "code": "InvalidInputData",
        "message": "AZQ103: terms[0].c",
        "target": "terms[0].c",
        "details": [{"code": "InvalidInputData", "message": "a number"}],
    },
}


def as_json(document):
    return msgspec.json.decode(msgspec.json.encode(document))


def test_a_job_as_the_newer_client_reads_it():
    assert as_json(wire.job(JOB, LINKS)) == NEW


def test_a_job_as_the_older_client_reads_it():
    texts = {"qiskit": "True", "qubits": "3", "list": "[0,1]"}
    assert as_json(wire.job(JOB, LINKS, old=True)) == NEW | {"metadata": texts}


def test_a_job_that_waits_has_an_address_for_its_output_and_nothing_else_yet():
    job = JobDetails(
        id="a",
        name="n",
        provider_id="ionq",
        target="ionq.simulator",
        container_uri="kyanite:///default/job-a",
        input_data_uri="kyanite:///default/job-a/inputData",
        creation_time=TIME,
    )
    document = as_json(wire.job(job, LINKS))
    assert (document["status"], document["outputDataUri"]) == ("Waiting", LINKS.output)
    assert (document["providerId"], document["jobType"], document["priority"]) == (
        "ionq",
        "QuantumComputing",
        "Standard",
    )
    empty = ("sessionId", "beginExecutionTime", "endExecutionTime", "cancellationTime", "costEstimate", "errorData")
    assert [document[name] for name in empty] == [None] * len(empty)
    assert (document["inputParams"], document["metadata"], document["tags"]) == ({}, {}, [])


def test_a_session_as_the_client_reads_it():
    session = SessionDetails(
        id="s",
        name="mine",
        provider_id="ionq",
        provider_spelt="IonQ",
        target="ionq.simulator",
        job_failure_policy=JobFailurePolicy.CONTINUE,
        creation_time=TIME,
        status=SessionStatus.EXECUTING,
        begin_execution_time=TIME,
        tags=("t",),
    )
    assert as_json(wire.session(session)) == {
        "id": "s",
        "name": "mine",
        "itemType": "Session",
        "providerId": "IonQ",
        "target": "ionq.simulator",
        "jobFailurePolicy": "Continue",
        "status": "Executing",
        "priority": "Standard",
        "tags": ["t"],
        "creationTime": "2026-11-21T20:00:01.250000Z",
        "beginExecutionTime": "2026-11-21T20:00:01.250000Z",
        "endExecutionTime": None,
        "costEstimate": None,
        "errorData": None,
    }


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("microsoft.qmc.cpu", "Optimization"),
        ("1qbit.pticm", "Optimization"),
        ("toshiba.sbm.ising", "Optimization"),
        ("microsoft.estimator", "QuantumComputing"),
        ("quantinuum.sim.h2-1e", "QuantumComputing"),
        ("acme.echo", "Unknown"),
    ],
)
def test_what_the_jobs_of_a_target_are_for(target, kind):
    assert wire.job_type(target) == kind


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # Hypothesis adds the zone
def test_a_time_is_written_in_utc_and_comes_back_exactly(time):
    text = wire.moment(time)
    assert text.endswith("Z")
    assert len(text.partition(".")[2]) in {0, 7}
    assert datetime.fromisoformat(text) == time
    assert wire.moment(time.astimezone(timezone(timedelta(hours=-3)))) == text


@given(st.integers(-1_000, 1_000))
def test_a_priority_above_zero_is_high(priority):
    text = wire.priority_text(priority)
    assert text == ("High" if priority > 0 else "Standard")
    assert (priority_of(text) > 0) == (priority > 0)
