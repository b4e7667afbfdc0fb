"""Keys made by `kyanite key`, in the hands of today's SDK."""

import json
import subprocess
import sys

import pytest

from tests.acceptance.daemons import answers, environment, serving
from tests.acceptance.scripts.problems import SPINS, best_cost

pytestmark = pytest.mark.timeout(420)  # the first to come makes the environment


def kyanite(folder, *arguments):
    """Call the command line beside the daemon, and return what it answers."""
    command = [sys.executable, "-m", "kyanite", *arguments, "--data-dir", folder / ".kyanite", "-o", "json"]
    child = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)


@pytest.fixture(scope="module")
def seen(azure_quantum, tmp_path_factory):
    """What the script saw of a daemon that asks for keys."""
    folder = tmp_path_factory.mktemp("keys")
    made = {"admin": kyanite(folder, "key", "create", "--scope", "admin")}  # without one it does not start
    with serving(folder, KYANITE_SERVER__KEYS_REQUIRED="true") as daemon:
        made |= {name: kyanite(folder, "key", "create", "--scope", name) for name in ("read", "submit")}
        revoked = kyanite(folder, "key", "create", "--scope", "admin")
        kyanite(folder, "key", "revoke", revoked["id"])
        keys = {f"{name.upper()}_KEY": key["key"] for name, key in made.items()}
        string = (
            "SubscriptionId=5c2f9e1a-0000-4000-8000-000000000000;ResourceGroupName=research;WorkspaceName=keys;"
            f"ApiKey={made['submit']['key']};QuantumEndpoint=https://eastus.quantum.azure.com/;"
        )
        told = answers(
            azure_quantum,
            "today_keys.py",
            folder,
            ENDPOINT=daemon.address,
            REVOKED_KEY=revoked["key"],
            WRONG_KEY="kya_0000000000_nothing",
            AZURE_QUANTUM_CONNECTION_STRING=string,
            **keys,
        )
        written = (folder / "log.txt").read_text()
        kept = b"".join(path.read_bytes() for path in (folder / ".kyanite").rglob("*") if path.is_file())
    secrets = [key["key"].split("_", 2)[2] for key in (*made.values(), revoked)]
    return told | {"leaked": [secret for secret in secrets if secret in written or secret.encode() in kept]}


@pytest.mark.parametrize(
    ("key", "may_list", "may_submit"),
    [("READ_KEY", True, False), ("SUBMIT_KEY", True, True), ("ADMIN_KEY", True, True)],
)
def test_a_key_opens_what_its_scope_says(seen, key, may_list, may_submit):
    tried = seen["keys"][key]
    assert (tried["list"] is None, tried["submit"] is None) == (may_list, may_submit)


def test_what_a_key_does_not_open_is_told(seen):
    told = seen["keys"]["READ_KEY"]
    assert (told["submit"]["status"], told["cancel"]["status"]) == (403, 403)
    assert "permission" in told["submit"]["message"]  # its link may not write
    assert "scope submit" in told["cancel"]["message"]
    assert seen["keys"]["SUBMIT_KEY"]["cancel"]["status"] == 404


@pytest.mark.parametrize("key", ["REVOKED_KEY", "WRONG_KEY"])
def test_other_keys_open_nothing(seen, key):
    for told in seen["keys"][key].values():
        assert told["status"] == 401
        assert "ClientAuthenticationError" in told["classes"]


def test_a_connection_string_of_the_environment_leads_here(seen):
    string = seen["string"]
    assert string["name"] == "keys"
    assert string["cost"] == pytest.approx(best_cost("ising", SPINS))
    assert "by string" in string["listed"]
    assert string["delete"]["status"] == 403  # to remove for good takes a key of scope admin


def test_no_secret_is_logged_or_kept(seen):
    assert seen["leaked"] == []
