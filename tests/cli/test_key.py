import json

import pytest

from kyanite.cli.exits import Exit
from kyanite.http.keys import Keys


def test_created_listed_revoked(call, tmp_path):
    folder = ("--data-dir", tmp_path)
    code, out, err = call("key", "create", "--name", "notebook", "-o", "json", *folder)
    made = json.loads(out)
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert made == {
        "id": made["id"],
        "key": made["key"],
        "workspace": "default",
        "scopes": ["read", "submit"],
    }
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
        (("--scope", "operate"), ["read", "submit", "admin", "operate"]),
    ],
)
def test_scopes_include_those_before_them(call, tmp_path, words, scopes):
    assert json.loads(call("key", "create", *words, "-o", "json", "--data-dir", tmp_path).out)["scopes"] == scopes


def test_a_key_is_of_the_workspace_that_is_named(call, tmp_path, monkeypatch):
    folder = ("-o", "json", "--data-dir", tmp_path)
    assert json.loads(call("key", "create", "-w", "team", *folder).out)["workspace"] == "team"
    monkeypatch.setenv("KYANITE_WORKSPACE", "lab")
    assert json.loads(call("key", "create", *folder).out)["workspace"] == "lab"
    assert json.loads(call("key", "create", "--scope", "operate", *folder).out)["workspace"] is None
    Keys(tmp_path).create("of the daemon")
    listed = json.loads(call("key", "list", *folder).out)
    assert [key["workspace"] for key in listed] == ["team", "lab", None, None]
    rows = call("key", "list", "--data-dir", tmp_path).out.splitlines()
    assert [next((name for name in ("team", "lab", "every") if name in row), "") for row in rows[1:]] == [
        *("team", "lab", "every", "")
    ]


def test_for_people_the_key_is_shown_once(call, tmp_path):
    code, out, err = call("key", "create", "--data-dir", tmp_path)
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (code, facts["scopes"], facts["workspace"]) == (0, "read, submit", "default")
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
        (("--scope", "all"), "there is no 'all'; there are: read, submit, admin, operate"),
        (("--scope", "operate", "-w", "team"), "operate opens every workspace; leave --workspace out"),
        (("--name", "x" * 129), "is longer than"),
    ],
)
def test_what_is_not_understood(call, tmp_path, words, what):
    code, out, err = call("key", "create", *words, "--data-dir", tmp_path)
    assert (code, out, err.count("\n")) == (Exit.USAGE, "", 1)
    assert what in err
    assert list(tmp_path.iterdir()) == []
