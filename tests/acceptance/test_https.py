"""Over https: a script of 2022 as it was, and today's SDK by discovery."""

import shutil
import subprocess
from urllib.parse import urlsplit

import pytest

from tests.acceptance.daemons import answers, environment, serving
from tests.acceptance.scripts.problems import SPINS, best_cost
from tests.house import markdown, tree

pytestmark = pytest.mark.timeout(420)  # the first to come makes the environment

WORKSPACE = "local"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """A daemon with a certificate of its own making."""
    with serving(tmp_path_factory.mktemp("https"), "--dev-tls") as started:
        yield started


@pytest.fixture(scope="module")
def authority(daemon):
    """The file that clients are to trust."""
    return str(daemon.folder / ".kyanite" / "tls" / "ca.pem")


@pytest.fixture(scope="module")
def discovered(azure_quantum, daemon, authority):
    """What the script of today's SDK saw."""
    return answers(
        azure_quantum,
        "today_discovery.py",
        daemon.folder,
        ENDPOINT=daemon.address,
        TOKEN="any",
        WORKSPACE=WORKSPACE,
        API_KEY="any",
        REQUESTS_CA_BUNDLE=authority,
    )


def test_a_script_of_2022_needs_only_another_environment(qio_sdk, daemon):
    page = (tree.ROOT / "docs" / "porting.md").read_text(encoding="utf-8")
    (lines,) = [block.text for block in markdown.blocks(page) if "AZURE_QUANTUM_BASEURL" in block.text]
    lines = lines.replace("https://127.0.0.1:8473/", daemon.address).replace("python ", f"'{qio_sdk}' ")
    shutil.copy(tree.ROOT / "examples" / "qio_2022.py", daemon.folder)
    child = subprocess.run(
        ["sh", "-ec", lines],
        cwd=daemon.folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.startswith(("Waiting\n", "Executing\n"))
    assert "cost -13.0 -13\nAda stays\nBen moves\nCleo moves\nDan stays\nEve stays\n" in child.stdout
    assert child.stdout.endswith("Two rooms microsoft.simulatedannealing-parameterfree.cpu Succeeded\n")


@pytest.mark.parametrize("way", ["by id", "by name", "by name in a group"])
def test_todays_sdk_finds_the_workspace(discovered, daemon, way):
    found = discovered[way]
    assert found["cost"] == pytest.approx(best_cost("ising", SPINS))
    assert found["name"] == WORKSPACE
    assert found["endpoint"].rstrip("/") == daemon.address.rstrip("/")
    assert found["listed"] == 1
    assert sorted(found["targets"]) == sorted(daemon.told["targets"])
    assert {urlsplit(link).netloc for link in found["links"]} == {urlsplit(daemon.address).netloc}
    assert {urlsplit(link).scheme for link in found["links"]} == {"https"}


def test_a_key_works_over_https(discovered):
    assert discovered["with a key"] == pytest.approx(best_cost("ising", SPINS))
