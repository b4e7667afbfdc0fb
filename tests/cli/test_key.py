import json

import pytest

from kyanite.cli.exits import Exit
from kyanite.http.keys import Keys


def test_created_listed_revoked(call, tmp_path):
    folder = ("--data-dir", tmp_path)
    code, out, err = call("key", "create", "--name", "notebook", "-o", "json", *folder)
    made = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert made == {"id": made["id"], "key": made["key"], "scopes": ["read", "submit"]}
    assert Keys(tmp_path).find(made["key"]).name == "notebook"
    listed = json.loads(call("key", "list", "-o", "json", *folder).out)
    assert [(key["id"], key["name"], key["scopes"], key["revocation_time"]) for key in listed] == [
        (made["id"], "notebook", ["read", "submit"], None)
    ]
    assert made["key"].rpartition("_")[2] not in json.dumps(listed)
    assert call("key", "revoke", made["id"], *folder) == (0, f"{made['id']}\n", "")
    assert Keys(tmp_path).find(made["key"]) is None
    assert "revoked" in call("key", "list", *folder).out
    assert json.loads(call("key", "revoke", made["id"], "-o", "json", *folder).out)["revocation_time"]


@pytest.mark.parametrize(
    ("words", "scopes"),
    [
        ((), ["read", "submit"]),
        (("--scope", "read"), ["read"]),
        (("--scope", "ADMIN", "--scope", "read"), ["read", "submit", "admin"]),
    ],
)
def test_scopes_include_those_before_them(call, tmp_path, words, scopes):
    assert json.loads(call("key", "create", *words, "-o", "json", "--data-dir", tmp_path).out)["scopes"] == scopes


def test_for_people_the_key_is_shown_once(call, tmp_path):
    code, out, err = call("key", "create", "--data-dir", tmp_path)
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (code, facts["scopes"]) == (0, "read, submit")
    assert facts["key"].startswith(f"kya_{facts['id']}_")
    assert "not shown again" in err
    assert call("key", "create", "-q", "--data-dir", tmp_path).err == ""


def test_without_keys(call, tmp_path):
    assert call("key", "list", "--data-dir", tmp_path / "none") == (
        0,
        "",
        "no keys; `kyanite key create` makes one\n",
    )
    assert not (tmp_path / "none").exists()
    code, out, err = call("key", "revoke", "nobody", "--data-dir", tmp_path)
    assert (code, out) == (Exit.ERROR, "")
    assert err.startswith("kyanite: there is no key 'nobody'; `kyanite key list --data-dir")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--scope", "all"), "there is no 'all'; there are: read, submit, admin"),
        (("--name", "x" * 129), "is longer than"),
    ],
)
def test_what_is_not_understood(call, tmp_path, words, what):
    code, out, err = call("key", "create", *words, "--data-dir", tmp_path)
    assert (code, out, err.count("\n")) == (Exit.USAGE, "", 1)
    assert what in err
    assert list(tmp_path.iterdir()) == []
