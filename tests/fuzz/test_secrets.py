"""Canaries in configuration, environment, files, options and URLs: none in anything that is written or shown."""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.fuzz.canary import CANARIES, PROVIDER, commands, planted, told
from tests.fuzz.canary_native import MADE_NATIVELY
from tests.fuzz.canary_outlets import MADE_BY_OUTLETS
from tests.fuzz.canary_requests import MADE
from tests.reliability import record


def searched(folder, streams):
    """Return for each place of a canary where it was seen, and how much was searched."""
    texts = dict(streams)
    texts |= {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    hits = Counter()
    for where, text in texts.items():
        hits.update({f"{place} in {where}": 1 for place in told(text)})
    return hits, len(texts), sum(map(len, texts.values()))


@pytest.mark.timeout(120)
def test_no_secret_is_ever_written_or_shown(tmp_path):
    environment = {name: value for name, value in os.environ.items() if "KYANITE" not in name} | planted(tmp_path)
    seen = tmp_path / "seen"
    seen.mkdir()
    paths = [str(tmp_path / "site"), *(path for path in sys.path if path)]
    environment |= {"PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "500"}
    command = [sys.executable, "-m", "tests.fuzz.canary", str(tmp_path)]
    call = subprocess.run(command, capture_output=True, env=environment, timeout=100, check=False)
    assert call.returncode == 0, call.stderr.decode()[-4_000:]
    shown = call.stdout.splitlines()[-1].split()
    assert shown[0] == b"DONE"
    codes = Counter(map(int, shown[1:]))
    assert codes[0] > 25, codes
    assert codes[3] >= 2, "the jobs that fail have failed"
    assert codes[1] + codes[2] > 5, "what is wrong was refused"
    for expected in (b"running", b"canary.fault", b"<hidden>", b"CANARY_KEY"):
        assert expected in call.stdout + call.stderr
    assert (seen / "cli" / "jobs.sqlite").exists()
    assert (seen / "blocking" / "jobs.sqlite").exists()
    assert (seen / "http" / "jobs.sqlite").exists()
    assert (seen / "native" / "jobs.sqlite").exists()
    assert (seen / "outlets" / "webhooks.json").exists()
    assert (seen / "canary.echo.svg").exists()
    hits, places, size = searched(seen, {"stdout": call.stdout, "stderr": call.stderr})
    # What a caller hands in as a parameter is the job's, stored and shown with it; but no line of the log.
    hits = [hit for hit in hits if not hit.startswith("parameter in ") or hit.endswith("stderr")]
    # The one file that has to hold what webhooks are signed with, and where they lead, is nobody else's.
    hits = [hit for hit in hits if not (hit.startswith("webhook_") and hit.endswith("webhooks.json"))]
    assert not hits, "\n".join(sorted(hits))
    made = [
        secret
        for name in (MADE, MADE_NATIVELY, MADE_BY_OUTLETS)
        for secret in json.loads((tmp_path / name).read_text())
    ]
    assert len(made) == 6
    texts = [call.stdout, call.stderr, *(path.read_bytes() for path in seen.rglob("*") if path.is_file())]
    assert not [secret for secret in made if any(secret.encode() in text for text in texts)]
    figure = f"{len(CANARIES)} canaries, {sum(codes.values())} commands, {places} files and streams: 0 hits"
    record("Secrets: in no log, event, error or page", figure, canaries=len(CANARIES), searched_bytes=size)


def test_the_search_finds_a_canary_in_every_spelling(tmp_path):
    (tmp_path / "a").write_text(f"x{CANARIES['nested']}y")
    hits, places, _ = searched(tmp_path, {"stdout": CANARIES["listed"].encode().hex().encode()})
    assert places == 2
    assert sorted(hits) == [f"listed in {'stdout'}", f"nested in {tmp_path / 'a'}"]
    assert len(set(CANARIES.values())) == len(CANARIES)
    assert "self.held" in PROVIDER
    assert len(list(commands(tmp_path))) > 40
