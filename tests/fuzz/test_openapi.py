"""The published fuzzer of OpenAPI pages against a daemon, from the page that this daemon hands out.

It calls every operation but the streams, which are tested by hand, and takes ids from one answer to the next request.
"""

import json
import os
import subprocess

import pytest

from kyanite.http.keys import Keys
from kyanite.http.native.operations import OPERATIONS
from kyanite.http.scopes import Scope
from tests.http.robustness.places import daemon
from tests.reliability import counts, record
from tests.sdk_environments import PATIENCE_S as INSTALL_S
from tests.sdk_environments import interpreter

EXAMPLES = counts(quick=1, ci=15, soak=1_000)
"""Of each operation, besides those on the page and those that cover its schema."""
READING_EXAMPLES = counts(quick=1, ci=8, soak=120)
PATIENCE_S = counts(quick=70, ci=90, soak=1_140)
"""How long it may take, with making a failure small and telling of it."""
SEED = int(os.environ.get("FUZZ_SEED", "1"))
JSON = "application/json"
NOWHERE = "http://127.0.0.1:9"
CONFIG = """\
seed = {seed}
continue-on-failure = true
[generation]
max-examples = {examples}
[cache]
enabled = false
[output.truncation]
max-width = 2_000
[auth.openapi.header]
api_key = "${{KYANITE_API_KEY}}"
[checks]
# Which ids, names, cursors and conditions are valid is more than a schema can say.
positive_data_acceptance.enabled = false
[[operations]]
include-operation-id = {streams}
enabled = false
[[operations]]
# Who has no key is not told which methods there are.
include-operation-id = {pages}
checks.unsupported_method.enabled = false
"""
REFUSING = """\
[[operations]]
include-operation-id = {above}
checks.not_a_server_error.expected-statuses = ["400", "401", "403", "405"]
"""
"""That only these answers are right is a check of its own, whatever its name."""


@pytest.fixture(scope="module")
def fuzzer():
    return interpreter("schemathesis.lock")


@pytest.mark.timeout(PATIENCE_S + 60 + INSTALL_S)
def test_it_answers_as_its_page_says(tmp_path, fuzzer):
    with keyed(tmp_path, Scope.ADMIN) as running:
        # The page's example of a replay names it; a name that is made up is that of no subscriber.
        assert running.ask("/v1/cursors/example", "PUT", b'{"position": 0}', content_type=JSON)[0] == 200
        report = fuzzed(running, fuzzer, EXAMPLES)
        check_sound(running)
    accepted = {
        name for name, phases in report["valid_rates"].items() if any(each["accepted"] for each in phases.values())
    }
    # A callback takes a token that nobody can guess.
    meant = {title(each) for each in called() if each.scope is not Scope.OPERATE and not each.unread}
    assert accepted <= meant, "an operator's operation has answered an administrator"
    assert accepted == meant, f"never anything but refused: {meant - accepted}"
    number, operations = report["test_cases"]["generated"], len(called())
    figure = f"{number:,} requests to {operations} operations by schemathesis: no answer but those the page foretells"
    record("The native API answers as its OpenAPI page says, and never 5xx", figure, inputs=number, seed=SEED)


@pytest.mark.timeout(PATIENCE_S + 60 + INSTALL_S)
def test_a_key_that_reads_does_nothing_else(tmp_path, fuzzer):
    above = [each.name for each in called() if each.scope is not None and each.scope > Scope.READ]
    assert {"submitJob", "deleteJob", "createKey", "listSettings"} <= set(above)
    with keyed(tmp_path, Scope.READ) as running:
        report = fuzzed(running, fuzzer, READING_EXAMPLES, REFUSING.format(above=json.dumps(above)))
        check_sound(running)
        assert json.loads(running.ask("/v1/counts")[1]) == {"count": 0}
    assert {"GET /v1", "GET /v1/jobs"} <= report["valid_rates"].keys()


def called():
    """The operations that are called."""
    return [each for each in OPERATIONS if not each.streams]


def title(operation):
    """What the fuzzer calls an operation."""
    return f"{operation.method} {operation.plain_path}"


def keyed(folder, scope):
    """A daemon that asks for keys, and who calls it with one of this scope."""
    _, key = Keys(folder / "data").create("fuzzer", scope, "default")
    return daemon(folder, key, keys_required=1)


def check_sound(running):
    """It serves, and nothing went wrong that nobody foresaw."""
    assert running.ask()[0] == 200
    log = running.logged()
    assert b"Traceback" not in log, log[max(0, log.find(b"Traceback") - 600) :][:4_000].decode(errors="replace")
    assert b'"level": "error"' not in log


def fuzzed(running, fuzzer, examples, more=""):
    """Call each operation with so many examples; return the fuzzer's report, in which nothing is wrong."""
    (key,) = running.key.values()
    streams = [each.name for each in OPERATIONS if each.streams]
    pages = [each.name for each in OPERATIONS if each.scope is None]
    config, report = running.folder / "schemathesis.toml", running.folder / "report.json"
    text = CONFIG.format(seed=SEED, examples=examples, streams=json.dumps(streams), pages=json.dumps(pages))
    config.write_text(text + more)
    command = [fuzzer, "-m", "schemathesis.cli", "--config-file", config, "run", f"{running.address}/v1/openapi.json"]
    call = subprocess.run(
        [*command, "--no-color", "--report", "json", "--report-json-path", report],
        cwd=running.folder,
        env=environment(KYANITE_API_KEY=key),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said = call.stdout
    assert call.returncode == 0, f"{said[:16_000]}\n{said[16_000:][-4_000:]}\n{call.stderr[-4_000:]}"
    told = json.loads(report.read_text())
    assert told["complete"]
    assert told["operations"]["selected"] == len(called())
    assert told["operations"]["tested"] == len(called())
    assert not told["errors"]
    return told


def environment(**more):
    """What the fuzzer sees of this process's environment: with nothing but loopback to be reached from there."""
    proxies = {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1", "COLUMNS": "160"}
    kept = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
    return kept | proxies | more
