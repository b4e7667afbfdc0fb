"""Valid inputs of every format, small, so that a change hits what matters."""

from datetime import UTC, datetime

import msgspec

from kyanite.core import events
from kyanite.core.job import CostEstimate, CostEvent, ErrorData, JobDetails, Needs, Status
from kyanite_providers.local import frames
from tests.providers.local.messages import message

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def _problem(kind, terms, version="1.0", **more):
    listed = [{"c": c, "ids": ids} for c, *ids in terms]
    function = {"version": version, "type": kind, "terms": listed, **more}
    return {"metadata": {"name": "a problem"}, "cost_function": function}


def _group(c, *terms):
    return {"c": c, "terms": [{"c": weight, "ids": ids} for weight, *ids in terms]}


PROBLEMS = (
    _problem("ising", [(-9, 0), (-3, 1, 0), (5, 2, 0)]),
    _problem("pubo", [(1.5, 7, 8, 9, 7), (-2, 10**6), (0.25,), (3, 0, 2**40)]),
    _problem("ising", [(1, 0, 1), (1, 1, 2)], "1.1", initial_configuration={"0": 1, "1": -1}),
    _problem("pubo", [(1, 0, 1), (-1, 2)], "1.1", initial_configuration={"0": 1, "2": 0}),
    _problem("ising_grouped", [(1, 4)], terms_slc=[_group(2, (1, 0), (-1, 1), (3,)), _group(-1.5, (1, 2))]),
    _problem("pubo_grouped", [], terms_slc=[_group(1, (1, 0), (1, 1), (-1,))]),
    {**_problem("ising", [(1, at, at + 1) for at in range(12)]), "initial_configuration": {"3": 1}},
)

MESSAGES = (
    (message((-9, 0), (-3, 1, 0), (5, 2, 300), name="a problem"),),
    (message((1.5, 7, 2**40), kind=0), message((0, 3), (0.25,), kind=0, version=None), b""),
    (message((1, 0, 1), (1, 1, 2), version="1.1", initial={0: 1, 1: -1}),),
)
"""Problems as protobuf: the messages of each."""

PARAMETERS = (
    {
        "target": "microsoft.simulatedannealing.cpu",
        "input_params": {"params": {"sweeps": 10, "seed": 7}},
        "timeout_s": 9.0,
    },
    {
        "target": "microsoft.simulatedannealing.cpu",
        "input_params": {"params": {"restarts": 2, "beta_start": 0.1, "beta_stop": 2, "timeout": 5}},
        "timeout_s": 10,
    },
    {
        "target": "microsoft.paralleltempering.cpu",
        "input_params": {"params": {"sweeps": 3, "replicas": 3, "all_betas": [0.1, 0.2, 1], "number_of_solutions": 2}},
        "timeout_s": None,
    },
    {"target": "microsoft.simulatedannealing-parameterfree.cpu", "input_params": {"timeout": 3}, "timeout_s": None},
    {"target": "microsoft.paralleltempering-parameterfree.cpu", "input_params": {"params": {}}, "timeout_s": 1e-3},
)

TOML = """\
workspace = "default"
data_dir = "./.kyanite"
[store]
url = "sqlite:///jobs.sqlite"
synchronous = "FULL"
[blobs]
inline_max_bytes = 65536
[queue]
window = 100
[limits]
cores = 2.5
memory_bytes = 1_000_000
cancel_grace_s = 1e1
[retry]
first_s = 0.5
jitter = 0.25
[log]
style = "json"
[delivery]
ports = [443, 8443]
delays_s = [5, 2.5e2]
allow = ["10.0.0.0/8"]
[[webhooks]]
name = "team"
url = "https://host/path?a=b"
secrets = [{ env = "TEAM" }, { file = "/run/team" }]
[[hooks]]
run = ["a", "{job.id}", '$(x)']
on = ["Failed"]
[[hooks]]
run = ["b"]
tag = ["x", "y"]
[providers.local]
workers_max = 2
cache_dir = '/tmp/kernels'
[providers.acme]
api_key = { env = "ACME_KEY" }
regions = ["a", "b", { name = "c", at = 2026-01-01T00:00:00Z }]
options.retries.max = 3
"""

ENVIRONMENTS = (
    {"KYANITE_WORKSPACE": "default", "KYANITE_LIMITS__CORES": "2.5", "PATH": "/bin"},
    {"kyanite_log__level": "DEBUG", "KYANITE_QUEUE__WINDOW": "5", "KYANITE_STORE__SYNCHRONOUS": "NORMAL"},
    {"KYANITE_PROVIDERS__LOCAL__WORKERS_MAX": "2", "KYANITE_PROVIDERS__ACME__API_KEY": "hush", "KYANITE_API_KEY": "x"},
    {"KYANITE_PROVIDERS__ACME__REGIONS": '["a", {b = 1}]', "KYANITE_PROVIDERS__ACME": "{ url = 'x' }"},
    {"KYANITE_CONFIG": "", "KYANITE_DATA_DIR": "./here", "KYANITE_RETRY__JITTER": "0.5"},
    {"KYANITE_HOOKS": "[{ run = ['a', '{job.id}'] }, { run = ['b'] }]", "KYANITE_DELIVERY__PORTS": "[443, 80]"},
    {"KYANITE_WEBHOOKS": "[{ name = 'a', url = 'https://b/', secrets = [{ env = 'C' }] }]"},
)

DETAILS = JobDetails(
    id="j-1",
    name="a job",
    provider_id="microsoft",
    target="microsoft.simulatedannealing.cpu",
    container_uri="kyanite:///default/job-j-1",
    input_data_uri="kyanite:///default/job-j-1/inputData",
    input_data_format="microsoft.qio.v2",
    input_params={"params": {"seed": 7, "deep": [[1], {"a": None}]}},
    metadata={"a": "b"},
    tags=("x", "y"),
    status=Status.EXECUTING,
    creation_time=NOW,
    begin_execution_time=NOW,
    cost_estimate=CostEstimate("EUR", 1.5, (CostEvent(dimension_id="d"),)),
    error_data=ErrorData("Code", "message", "input", ("detail",)),
    version=3,
    rank=1.5,
    fingerprint="0" * 64,
    needs=Needs(1, 2, 0),
    handle={"id": [1, 2]},
)
_ERROR = ErrorData("Code", "message", None, ("detail",))
EVENTS = tuple(
    msgspec.structs.replace(event, job_id="j-1", version=2, time=NOW, event_id="e")
    for event in (
        events.Submitted(details=DETAILS),
        events.Inspected(needs=Needs(1.5, 10, 1), properties={"variables": 3}),
        events.Began(attempt=1),
        events.CancelRequested(reason="no need"),
        events.Intended(token="t"),
        events.Checkpointed(handle={"id": [1, None, 2.5]}),
        events.RetryScheduled(error=_ERROR, not_before=NOW),
        events.Resumed(),
        events.Suspended(),
        events.Amended(name="n", tags=("a",), metadata={"b": 1}, priority=3, rank=0.5),
        events.Succeeded(output_data_uri="kyanite:///default/job-j-1/outputData", output_hash="00", output_size=3),
        events.Failed(error=_ERROR, output_size=1),
        events.Cancelled(properties={"convergence": [[0.5, 1, -3.0]]}),
    )
)

_SOURCE = frames.Source("0" * 64, path="/a/b", content=b"abc")
REQUESTS = (
    frames.Ping(),
    frames.Warm(),
    frames.Inspect(_SOURCE, 1 << 20),
    frames.Run(_SOURCE, 1 << 20, "microsoft.simulatedannealing.cpu", {"sweeps": 3, "x": [1, {}]}, 2.5, "/a/out"),
)
REPLIES = (
    frames.Done(),
    frames.Inspected(3, 4, 5, 6),
    frames.Solved(b"{}", 2, -1.5, 7, 0.25, [(0.5, 1, -1.0), (1.0, 2, -1.5)]),
    frames.Solved(None, 10**6, 0.0, 1, 0.1, []),
    frames.Refused("Code", "message", "params.sweeps", ("a", "b"), retryable=True),
)

RESULTS = (
    {
        "version": "1.0",
        "configuration": {"0": 1, "1": -1},
        "cost": -17.0,
        "solutions": [{"configuration": {"0": 1, "1": -1}, "cost": -17.0}],
    },
    {"histogram": {"[0]": 0.5, "[1]": 0.5}},
    [1, 2.5, None, "text"],
)
CONTENT_TYPES = ("application/json", "text/plain; charset=utf-8", "application/octet-stream", "", "application/json ;x")

ARGUMENTS = (
    ["seed=7", "timeout=2.5"],
    ["betas=[0.1, 0.2]", "name=text", 'nested={"a": [1]}'],
    ["empty=", "equals=a=b"],
)
MOMENTS = (
    "2h",
    "15m",
    "2025-12-31",
    "2025-12-31T23:59",
    "2025-12-31T23:59:59.5+01:00",
    "20251231T235959Z",
    "2025-W01-1",
)

ENVELOPES = (
    {"field": "job_id", "value": "my-job_1.a"},
    {"field": "name", "value": "a name of a job"},
    {"field": "tags", "value": ["a", "b", "a"]},
    {"field": "input_params", "value": {"params": {"seed": 7, "list": [1, 2.5, None, {"a": "b"}]}}},
    {"field": "metadata", "value": {"owner": "somebody", "nested": {"a": [1]}}},
    {"field": "priority", "value": 5},
    {"field": "timeout_s", "value": 2.5},
    {"field": "attempts_max", "value": 3},
)

KEYS = (
    "default/job-1/inputData",
    "default/job-0b5c9d0e-7c1a-4d0e-9c39-1f0f4a9f8a11/outputData-2",
    "my.space/uploads/a name with spaces",
    "w/c/über/größe/数",
    "w/qio-problems/problem.json.gz",
)
