"""Quotas: what every workspace may have, and what single ones have in place of that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from kyanite.config import QuotaSettings, Settings, WorkspaceSettings, load, resolve
from kyanite.config.resolution import Resolved
from kyanite.config.schema import own_leaves
from kyanite.errors import ConfigError

TEXT = """
[quota]
open_jobs_max = 100
submits_per_s = 2
[workspaces.team]
open_jobs_max = 5
[workspaces."a.b"]
stored_bytes_max = 1
[workspaces.quiet]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "kyanite.toml"
    path.write_text(TEXT)
    return path


def test_a_workspace_has_its_own_values_over_those_of_all(file):
    settings = load(file)
    assert settings.quota_of("team") == QuotaSettings(open_jobs_max=5, submits_per_s=2.0)
    assert settings.quota_of("a.b") == QuotaSettings(open_jobs_max=100, submits_per_s=2.0, stored_bytes_max=1)
    assert settings.quota_of("quiet") == settings.quota_of("never named") == settings.quota
    assert list(settings.workspaces) == ["team", "a.b", "quiet"]


def test_a_value_of_its_own_may_be_no_bound():
    settings = Settings(
        quota=QuotaSettings(stored_bytes_max=10), workspaces={"team": WorkspaceSettings(stored_bytes_max=0)}
    )
    assert settings.quota_of("team").stored_bytes_max == 0
    assert settings.quota_of("other").stored_bytes_max == 10


def test_a_workspace_can_have_each_value_of_the_quota_and_no_other():
    assert list(own_leaves()) == list(QuotaSettings.__struct_fields__)


def test_layers_change_single_values_and_leave_their_origins(file):
    environ = {
        "KYANITE_QUOTA__OPEN_JOBS_MAX": "50",
        "KYANITE_WORKSPACES__TEAM__SUBMITS_PER_S": "0.5",
        "KYANITE_WORKSPACES__NEW__EVENT_STREAMS_MAX": "3",
    }
    resolved = resolve(file, environ, {"workspaces.team.open_jobs_max": 7})
    assert resolved.settings.quota_of("team") == QuotaSettings(open_jobs_max=7, submits_per_s=0.5)
    assert resolved.settings.quota_of("new") == QuotaSettings(open_jobs_max=50, submits_per_s=2.0, event_streams_max=3)
    assert {row.path: (row.value, row.origin) for row in resolved.rows() if row.path.startswith("workspaces.")} == {
        "workspaces.team.open_jobs_max": ("7", "argument"),
        "workspaces.team.submits_per_s": ("0.5", "environment KYANITE_WORKSPACES__TEAM__SUBMITS_PER_S"),
        'workspaces."a.b".stored_bytes_max': ("1", f"file {file}"),
        "workspaces.quiet": ("{}", f"file {file}"),
        "workspaces.new.event_streams_max": ("3", "environment KYANITE_WORKSPACES__NEW__EVENT_STREAMS_MAX"),
    }


def refused(call, *arguments, **options):
    with pytest.raises(ConfigError) as error:
        call(*arguments, **options)
    return str(error.value).removeprefix("The configuration is not valid: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[quota]\nopen_jobs = 1", "quota.open_jobs is not a setting; did you mean quota.open_jobs_max?"),
        ("open_jobs_max = 1", "open_jobs_max is not a setting; did you mean quota.open_jobs_max?"),
        ("[quota]\nopen_jobs_max = 0", "quota.open_jobs_max must be a whole number of at least 1, not 0"),
        ("[quota]\nsubmits_per_s = -1", "quota.submits_per_s must be a number of at least 0, not -1"),
        (
            "[workspaces.team]\nopen_job_max = 1",
            "workspaces.team.open_job_max is not a setting; did you mean workspaces.team.open_jobs_max?",
        ),
        (
            "[workspaces.team]\nstored_bytes_max = 'x'",
            'workspaces.team.stored_bytes_max must be a whole number of at least 0, not "x"',
        ),
        ("[workspaces.team.open_jobs_max]\nx = 1", "workspaces.team.open_jobs_max must be a whole number of at least"),
        ("[workspaces.team.more]\nx = 1", "workspaces.team.more is not a setting"),
        ("[workspaces]\nteam = 3", "workspaces.team must be a table, not 3"),
        ("workspaces = 3", "workspaces must be a table, not 3"),
        ("[workspaces.'a b']", 'workspaces."a b" names no workspace: that must be a name of up to 128 letters'),
        ("[workspaces.'..']\nopen_jobs_max = 1", 'workspaces.".." names no workspace'),
        ("[workspace.team]\nopen_jobs_max = 1", "workspace must be a name of up to 128 letters"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path, text, problem):
    path = tmp_path / "kyanite.toml"
    path.write_text(text + "\n")
    assert refused(load, path).startswith(f"{path}: {problem}")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("WORKSPACES__TEAM__OPEN_JOB_MAX", "is not a setting; did you mean KYANITE_WORKSPACES__TEAM__OPEN_JOBS_MAX?"),
        ("WORKSPACES__TEAM", "is a group of settings; name one of them, such as KYANITE_WORKSPACES__TEAM__OPEN_"),
        ("WORKSPACES", "is a group of settings; name one of them, such as KYANITE_WORKSPACES__NAME__OPEN_JOBS_MAX"),
        ("QUOTA", "is a group of settings; name one of them, such as KYANITE_QUOTA__OPEN_JOBS_MAX"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(name, problem):
    assert refused(resolve, environ={f"KYANITE_{name}": "1"}).startswith(f"KYANITE_{name} {problem}")


@pytest.mark.parametrize("name", ["a b", "", "a."])
def test_a_variable_names_a_workspace_that_there_can_be(name):
    variable = f"KYANITE_WORKSPACES__{name.upper()}__OPEN_JOBS_MAX"
    problem = f'{variable}: workspaces."{name}" names no workspace'
    assert refused(resolve, environ={variable: "1"}).startswith(problem)


def test_the_name_of_a_workspace_makes_no_secret_of_its_values():
    rows = resolve(environ={"KYANITE_WORKSPACES__TOKEN__OPEN_JOBS_MAX": "4"}).rows()
    assert ("workspaces.token.open_jobs_max", "4") in {row[:2] for row in rows}


OWN = st.builds(
    WorkspaceSettings,
    open_jobs_max=st.none() | st.integers(1, 2**62),
    stored_bytes_max=st.none() | st.integers(0, 2**62),
    submits_per_s=st.none() | st.floats(0, 1e300),
    event_streams_max=st.none() | st.integers(1, 2**62),
)


@given(st.dictionaries(st.text("ab-_", min_size=1).map("a".__add__) | st.just("a.b"), OWN, max_size=3))
def test_what_workspaces_have_is_printed_as_it_is_read(tmp_path_factory, workspaces):
    settings = Settings(workspaces={name: own for name, own in workspaces.items() if len(name) < 128})
    printed = tmp_path_factory.getbasetemp() / "workspaces.toml"
    printed.write_text(Resolved(settings, {}).toml(), encoding="utf-8", newline="")
    assert load(printed) == settings
    for name, own in settings.workspaces.items():
        quota = asdict(settings.quota_of(name))
        assert all(quota[key] == value for key, value in asdict(own).items() if value is not None)
