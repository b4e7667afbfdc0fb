"""A disk that runs full, for real: a tmpfs of a few megabytes, in a mount namespace of its own."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.reliability import counts, record
from tests.resources.full_disk import TURNS

LIMIT_S = counts(quick=100, ci=100, soak=3_600)


def in_small_disk(folder, megabytes, command):
    """Run a command while a small tmpfs lies over the folder, or skip where that is not permitted."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here: no file system can be mounted")
    mounting = f'mount -t tmpfs -o size={megabytes}m tmpfs "$0"'
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    tried = subprocess.run(
        ["unshare", *user, "--mount", "sh", "-c", mounting, str(folder)], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"no file system can be mounted here: {tried.stderr.decode().strip()}")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        ["unshare", *user, "--mount", "sh", "-c", f'{mounting} && exec "$@"', str(folder), *command, str(folder)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.timeout(LIMIT_S + 20)
@pytest.mark.parametrize("megabytes", [4, 16])
def test_a_full_disk_refuses_loses_nothing_and_goes_on_when_there_is_space(tmp_path, megabytes):
    folder = tmp_path / "disk"
    folder.mkdir()
    call = in_small_disk(folder, megabytes, [sys.executable, "-X", "dev", "-m", "tests.resources.full_disk"])
    assert call.returncode == 0, call.stderr[-4_000:]
    told = json.loads(call.stdout.splitlines()[-1])
    assert told["recovered"] == TURNS
    assert told["full"] >= 1
    assert set(told["refusals"]) == {"StorageFull"}, told
    assert told["refusals"]["StorageFull"] >= 10 * TURNS
    assert set(told["ends"]) <= {"Succeeded", "StorageFull"}
    assert told["ends"]["Succeeded"] >= TURNS
    assert told["breaches"] == []
    assert sum(told["ends"].values()) == told["acknowledged"]
    assert "Task exception was never retrieved" not in call.stderr
    refused, kept = told["refusals"]["StorageFull"], told["acknowledged"]
    figure = f"{TURNS} times full ({megabytes} MB): {refused} submits refused with StorageFull, 0 of {kept} lost"
    record("Disk full is survivable", figure, refused=refused, acknowledged=kept, megabytes=megabytes)
