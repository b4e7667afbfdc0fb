import json

import pytest

from kyanite.cli.doctor import _lines
from kyanite.cli.exits import Exit
from kyanite.core.findings import Finding
from tests.cli.places import on_terminal

pytestmark = pytest.mark.timeout(120)


def test_a_whole_installation(look, jobs):
    code, out, err = look("doctor")
    assert (code, err) == (Exit.OK, "")
    lines = out.splitlines()
    subjects = [line[9:25].strip() for line in lines[:-1] if line[:9].strip()]
    assert subjects[:8] == ["configuration", "versions", "machine", "disk", "owner", "store", "targets", "clock"]
    assert subjects[8:] == ["blobs", "local workers", "local kernels", "plots"]
    assert "warning  targets         jobs that no installed provider serves: 1 on acme.echo" in lines
    assert "5 jobs, of which 1 waiting and 0 executing; " in out
    assert lines[-1].endswith("ok, 1 warning")


def test_nothing_yet_is_fine_and_stays_so(call, tmp_path):
    code, out, err = call("doctor", "--data-dir", tmp_path / "data", "-o", "json")
    findings = json.loads(out)
    assert (code, err) == (Exit.OK, "")
    assert {finding["state"] for finding in findings} == {"ok"}
    assert set(findings[0]) == {"subject", "state", "text", "advice"}
    assert not (tmp_path / "data").exists()


def test_what_failed_decides_the_exit_code(call, tmp_path):
    (tmp_path / "jobs.sqlite").write_bytes(b"no database " * 1_000)
    code, out, err = call("doctor", "--data-dir", tmp_path)
    assert (code, err) == (Exit.ERROR, "")
    assert "\nfailed   store           The store holds something that can not be right" in out
    assert "\n                         -> " in out
    assert "1 failed" in out.splitlines()[-1]


@pytest.mark.parametrize("style", ["table", "json"])
def test_a_wrong_setting_is_a_finding(call, monkeypatch, style):
    monkeypatch.setenv("KYANITE_LIMITS__CORES", "many")
    code, out, err = call("doctor", "-o", style)
    assert (code, err) == (Exit.ERROR, "")
    assert "KYANITE_LIMITS__CORES" in out
    assert "nothing else was looked at" in out


def test_on_a_terminal_lines_are_coloured_and_wrapped(jobs):
    code, shown = on_terminal("doctor", "--data-dir", str(jobs[0]), columns=60)
    assert code == Exit.OK
    assert "\x1b[32mok\x1b[0m       versions        kyanite" in shown
    plain = shown.replace("\x1b[32m", "").replace("\x1b[33m", "").replace("\x1b[0m", "")
    words = [line for line in plain.splitlines() if "/" not in line]
    assert max(map(len, words)) < 70


def test_advice_stands_beneath(capsys):
    assert list(_lines(Finding("disk", "warning", "nearly\nfull", "free some"))) == [
        "warning  disk            nearly full",
        "                         -> free some",
    ]
