import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.runtime.envelope import checked_job_id
from kyanite.sync import Workspace
from kyanite.sync.identity import name_in, workspace_name

RESOURCE = "/subscriptions/ab-12/resourceGroups/group/providers/Microsoft.Quantum/Workspaces/harbour"


@given(st.text(min_size=1))
def test_every_name_becomes_a_fit_one(name):
    assert checked_job_id(workspace_name(name))


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,52}[A-Za-z0-9]", fullmatch=True))
def test_names_of_the_service_stay_as_they_are(name):
    assert workspace_name(name) == name


@given(st.lists(st.text(alphabet="ab -.", min_size=1), min_size=2, unique=True))
def test_two_names_never_become_one(names):
    assert len({workspace_name(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("resource_id", "name", "found"),
    [
        (None, "given", "given"),
        (RESOURCE, None, "harbour"),
        (RESOURCE.lower(), "given", "harbour"),
        ("nonsense", "given", "given"),
        (None, None, None),
    ],
)
def test_a_resource_id_names_the_workspace(resource_id, name, found):
    assert name_in(resource_id, name) == found


def test_without_a_name_the_settings_say_which(tmp_path, monkeypatch):
    assert Workspace(data_dir=tmp_path).name == "default"
    monkeypatch.setenv("KYANITE_WORKSPACE", "mine")
    assert Workspace(data_dir=tmp_path).name == "mine"
    assert Workspace(data_dir=tmp_path, name="yours").name == "yours"
    assert Workspace(data_dir=tmp_path, name="", resource_id=RESOURCE).name == "harbour"
