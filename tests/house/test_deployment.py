"""What is shipped for operation agrees with the code, with itself, and with the tools that read it, where installed."""

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from kyanite.config import Settings, load, resolve
from kyanite.config.resolution import Resolved
from kyanite.config.schema import leaves, sections
from kyanite.http.daemon import REQUESTS_END_S
from kyanite.http.metrics.catalogue import METRICS
from kyanite_providers.local import LocalProvider
from tests.house import syscalls, unit
from tests.house.tree import ROOT

CONFIG = ROOT / "config"
PRODUCTION = CONFIG / "production.toml"
SERVICE = CONFIG / "kyanite.service"
DOCKERFILE = CONFIG / "Dockerfile"
EXPOSURE_MAX = 2.0
"""Of systemd's ten; the unit has 1.2, nearly all of it for speaking HTTP."""
MARGIN_S = 10.0
SOLVE_S = 100
PROBLEM = {
    "cost_function": {"version": "1.0", "type": "ising", "terms": [{"c": -9, "ids": [0]}, {"c": 3, "ids": [1, 0]}]}
}


@pytest.fixture(scope="module")
def production() -> Settings:
    return load(PRODUCTION)


@pytest.fixture(scope="module")
def service() -> dict[str, list[str]]:
    return unit.read(SERVICE)["Service"]


def one(values):
    (value,) = values
    return value


# production.toml ------------------------------------------------------------------------------------------------------


def test_each_setting_differs_from_the_default_or_says_that_it_does_not():
    text = PRODUCTION.read_text(encoding="utf-8")
    found = resolve(PRODUCTION, environ={})
    shown = {row.path: row.value for row in found.rows()}
    defaults = {row.path: row.value for row in Resolved(Settings(), {}).rows()}
    assert len(found.origins) > 8
    for path in found.origins:
        name = path.rpartition(".")[2]
        above = re.search(rf"((?:^#.*\n)+)^{name} = ", text, re.MULTILINE)
        assert above is not None, f"{path} has no comment"
        assert (shown[path] == defaults.get(path)) == bool(re.search("^# The default(,| of)", above[1])), path


def test_options_of_the_local_provider_are_some(production):
    assert isinstance(LocalProvider(**production.providers["local"]), LocalProvider)


def test_a_proxy_on_this_machine_does_not_open_the_daemon(production):
    assert production.server.keys_required
    assert production.log.style == "json"


# kyanite.service ------------------------------------------------------------------------------------------------------


def test_unit_names_what_the_configuration_names(production, service):
    command = one(service["ExecStart"]).split()
    assert command[1:] == ["serve", "--config", f"/etc/kyanite/{PRODUCTION.name}", "-o", "json"]
    assert production.data_dir == f"/var/lib/{one(service['StateDirectory'])}" == one(service["WorkingDirectory"])
    assert production.providers["local"]["cache_dir"] == f"/var/cache/{one(service['CacheDirectory'])}"


def test_figures_of_the_unit_leave_room_for_those_of_the_configuration(production, service):
    ends_s = production.server.drain_s + production.limits.shutdown_grace_s + REQUESTS_END_S
    assert float(one(service["TimeoutStopSec"])) >= ends_s + MARGIN_S
    assert int(one(service["LimitNOFILE"])) >= 2 * production.server.connections_max
    assert float(one(service["WatchdogSec"])) >= 20  # a sign of life may be late by a quarter of it
    assert one(service["Type"]) == "notify"
    assert one(service["NotifyAccess"]) == "main"


def test_unit_is_hardened(service):
    expected = {
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
        "PrivateTmp": "yes",
        "CapabilityBoundingSet": "",
        "KillMode": "mixed",
        "Restart": "on-failure",
        "OOMPolicy": "continue",
        "MemoryDenyWriteExecute": "no",
    }
    assert {name: one(service[name]) for name in expected} == expected


@pytest.fixture
def analysed(tmp_path):
    """Call systemd-analyze with a copy of the unit whose program exists."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    copy = tmp_path / SERVICE.name
    text = SERVICE.read_text(encoding="utf-8")
    copy.write_text(text.replace("/opt/kyanite/bin/kyanite", sys.executable), encoding="utf-8")

    def call(*arguments):
        command = ["systemd-analyze", "--no-pager", *arguments, copy]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return call


def test_systemd_understands_every_line(analysed):
    verified = analysed("verify")
    if "Failed to" in verified.stderr and "manager" in verified.stderr:
        pytest.skip(f"systemd-analyze can not verify here: {verified.stderr}")
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_systemd_finds_it_little_exposed(analysed):
    rated = analysed("security", "--offline=yes")
    if "unrecognized option" in rated.stderr:
        pytest.skip("this systemd-analyze rates no files")
    exposure = re.search(r"exposure level for kyanite\.service: ([\d.]+)", rated.stdout)
    assert exposure is not None, rated.stdout + rated.stderr
    assert float(exposure[1]) <= EXPOSURE_MAX


@pytest.fixture
def under(tmp_path):
    """Solve a problem under the system call filter of the unit, or of one with lines that are others."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here, which knows the sets of calls")
    try:
        ctypes.CDLL(syscalls.LIBRARY)
    except OSError:
        pytest.skip(f"there is no {syscalls.LIBRARY} here")
    (tmp_path / "problem.json").write_text(json.dumps(PROBLEM))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KYANITE")}

    def call(old="", new=""):
        copy = tmp_path / SERVICE.name
        copy.write_text(SERVICE.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        python = [sys.executable, "-m"]
        command = [*python, "tests.house.syscalls", copy, *python, "kyanite", "solve", tmp_path / "problem.json"]
        command += ["-q", "-o", "json", "--data-dir", tmp_path / "data"]
        return subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=SOLVE_S, check=False)

    return call


@pytest.mark.timeout(SOLVE_S + 10)
def test_a_job_runs_under_its_system_call_filter(under):
    solved = under()
    assert solved.returncode == 0, solved.stderr
    assert '"cost": -12' in solved.stdout


@pytest.mark.timeout(SOLVE_S + 10)
def test_without_executable_memory_no_kernel_is_loaded(under):
    """This is why the unit does not deny it. If it passes one day, deny it."""
    solved = under("MemoryDenyWriteExecute=no", "MemoryDenyWriteExecute=yes")
    assert solved.returncode == 3, solved.stderr
    assert "executable memory" in solved.stderr


# Dockerfile -----------------------------------------------------------------------------------------------------------


def instructions():
    """Each instruction with its words."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line]


def all_of(name):
    return [words for instruction, words in instructions() if instruction == name]


def sources():
    """What is copied from the repository."""
    return [source for words in all_of("COPY") if not words.startswith("--from") for source in words.split()[:-1]]


def test_image_is_of_a_python_that_we_support():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = one(all_of("ARG")).removeprefix("PYTHON=")
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]
    assert {words.split()[0] for words in all_of("FROM")} == {"python:${PYTHON}-slim"}


def test_image_is_made_of_files_that_exist_and_of_no_others():
    assert len(sources()) > 5
    assert [source for source in sources() if not (ROOT / source).exists()] == []
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(sources())
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {package.partition("/")[0] for package in wheel["packages"]} <= set(sources())


def test_image_runs_as_its_own_user_and_stops_as_the_daemon_does(production):
    names = [name for name, _ in instructions()]
    assert one(all_of("USER")) == "kyanite"
    assert names.index("USER") > max(place for place, name in enumerate(names) if name in {"RUN", "COPY"})
    assert one(all_of("STOPSIGNAL")) == "SIGTERM"
    assert json.loads(one(all_of("VOLUME"))) == [production.data_dir, production.providers["local"]["cache_dir"]]


def test_image_is_asked_for_its_health_by_what_is_in_it(production):
    port = production.server.listen.rpartition(":")[2]
    words = one(all_of("HEALTHCHECK"))
    command = json.loads(words.partition(" CMD ")[2])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "HEALTHCHECK", "exec")
    assert f"http://127.0.0.1:{port}/healthz" in command[2]
    assert one(all_of("EXPOSE")) == port


def test_environment_of_the_image_is_settings(production):
    environ = dict(word.split("=", 1) for word in one(all_of("ENV")).split())
    named = environ.pop("KYANITE_CONFIG")
    assert f"config/production.toml {named}" in all_of("COPY")
    chosen = resolve(PRODUCTION, environ=environ).settings
    assert chosen.server.listen == "0.0.0.0:8473"
    assert chosen.data_dir == production.data_dir


def test_nothing_shipped_names_a_host_to_fetch_from():
    for path in (PRODUCTION, SERVICE, DOCKERFILE, ROOT / ".dockerignore"):
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"https?://([^/\s:'\"]+)", text)) <= {"127.0.0.1"}
        assert "index-url" not in text


# docs/operate.md ------------------------------------------------------------------------------------------------------


def test_page_on_operation_names_metrics_and_settings_that_there_are():
    page = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    metrics = set(re.findall(r"`(kyanite_[a-z_]+)`", page))
    assert len(metrics) > 8
    assert metrics - {metric.name for metric in METRICS} == set()
    paths = {".".join(parts) for parts in leaves()}
    tables = "|".join({path.partition(".")[0] for path in paths})
    settings = set(re.findall(rf"`((?:{tables})\.[a-z_.]+)`", page))
    assert len(settings) > 12
    assert settings - paths - {".".join(parts) for parts in sections()} == set()
