"""Keys: made, found, revoked; by several processes at once; and nothing of them is told by the file."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.errors import ConfigError
from kyanite.http.keys import FILE, Keys
from kyanite.http.scopes import Scope


def test_a_key_is_found_by_its_text(tmp_path):
    keys = Keys(tmp_path / "not" / "there")
    made, text = keys.create("notebook", Scope.SUBMIT)
    found = keys.find(text)
    assert found == made
    assert (found.name, found.granted, found.scopes) == ("notebook", Scope.SUBMIT, ["read", "submit"])
    assert text.startswith(f"kya_{made.id}_")
    assert len(text.rpartition("_")[2]) == 64  # 256 bits


def test_a_key_opens_one_workspace_and_an_operators_all(tmp_path):
    keys = Keys(tmp_path, "own")
    of_team, of_own, operators = (
        keys.create(workspace="team")[1],
        keys.create()[1],
        keys.create(scope=Scope.OPERATE, workspace="team")[1],
    )
    assert [keys.find(text).workspace for text in (of_team, of_own, operators)] == ["team", "own", "own"]
    assert keys.find(operators).scopes == ["read", "submit", "admin", "operate"]
    assert keys.find(operators).granted is Scope.OPERATE
    assert [key.workspace for key in Keys(tmp_path, "another").all()] == ["team", "another", "another"]


def test_keys_of_an_earlier_file_open_the_daemons_own_workspace(tmp_path):
    keys = Keys(tmp_path)
    old, text = keys.create("old", Scope.ADMIN)
    file = tmp_path / FILE
    records = msgspec.json.decode(file.read_bytes())
    assert records[0].pop("workspace") is None
    file.write_bytes(msgspec.json.encode(records))
    keys.create("new", workspace="team")
    assert keys.find(text) == old
    assert keys.find(text).workspace == "default"
    renamed = Keys(tmp_path, "renamed")
    assert [(key.name, key.workspace) for key in renamed.all()] == [("old", "renamed"), ("new", "team")]
    assert renamed.revoke(old.id).workspace == "renamed"
    assert Keys(tmp_path).all()[0].workspace == "default"


def test_the_file_tells_no_secret_and_is_nobody_elses(tmp_path):
    _, text = Keys(tmp_path).create()
    for path in tmp_path.iterdir():
        assert text.rpartition("_")[2] not in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_looking_makes_nothing(tmp_path):
    keys = Keys(tmp_path)
    assert (keys.all(), keys.valid(), keys.find("kya_1_2")) == ([], False, None)
    assert list(tmp_path.iterdir()) == []


def test_a_revoked_key_opens_nothing_and_is_still_listed(tmp_path):
    keys = Keys(tmp_path)
    made, text = keys.create()
    other, other_text = keys.create()
    revoked = keys.revoke(made.id)
    assert revoked.revocation_time is not None
    assert keys.revoke(made.id) == revoked  # the first time counts
    assert keys.find(text) is None
    assert keys.find(other_text) == other
    assert keys.valid()
    keys.revoke(other.id)
    assert not keys.valid()
    assert [key.id for key in keys.all()] == [made.id, other.id]
    assert keys.revoke("nobody") is None


def test_what_another_process_does_counts_at_once(tmp_path):
    ours, theirs = Keys(tmp_path), Keys(tmp_path)
    assert ours.all() == []
    for _ in range(20):
        made, text = theirs.create()
        assert ours.find(text) == made
        theirs.revoke(made.id)
        assert ours.find(text) is None
    (tmp_path / FILE).unlink()
    assert ours.all() == []


def test_keys_made_at_the_same_time_are_all_kept(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: Keys(tmp_path).create(str(number)), range(24)))
    keys = Keys(tmp_path)
    assert {key.name for key in keys.all()} == {str(number) for number in range(24)}
    assert all(keys.find(text) == key for key, text in made)


def test_a_write_that_is_cut_short_changes_nothing(tmp_path, monkeypatch):
    keys = Keys(tmp_path)
    made, text = keys.create()
    before = (tmp_path / FILE).read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            keys.revoke(made.id)
    assert (tmp_path / FILE).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys.json", "keys.lock"]
    assert keys.find(text) == made


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"id": "x"}]', "\0"])
def test_a_file_that_is_none_is_an_error_and_no_open_door(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    for look in (lambda: Keys(tmp_path).find("kya_a_b"), Keys(tmp_path).all, Keys(tmp_path).create):
        with pytest.raises(ConfigError, match=r"keys\.json"):
            look()
    assert (tmp_path / FILE).read_text() == content


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    keys = Keys(tmp_path_factory.mktemp("one"))
    return keys, keys.create()[1]


@given(st.text() | st.text(alphabet="kya_0123456789abcdef\udcff"))
def test_no_other_text_is_a_key(one, text):
    keys, right = one
    assert text == right or keys.find(text) is None


def test_nearly_is_not_enough(one):
    keys, right = one
    other_prefix, longer = right.replace("kya_", "kyb_"), f"{right}0"
    for wrong in (right[:-1], longer, right.upper(), f" {right}", other_prefix, right[4:], f"_{right}"):
        assert keys.find(wrong) is None
    assert keys.find(right) is not None
