from kyanite.cli.exits import Exit
from tests.cli.places import PROBLEM


def test_cancel(call, tmp_path):
    (tmp_path / "problem.json").write_bytes(PROBLEM)
    folder = ("--data-dir", tmp_path / "data")
    ids = [call("job", "submit", tmp_path / "problem.json", *folder).out.strip() for _ in range(2)]
    code, out, err = call("job", "cancel", *ids, "--reason", "too late", *folder)
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[1:]] == ids
    assert out.count("Cancelled") == 2
    assert "CancelRequested: too late" in call("job", "story", ids[0], *folder).out

    code, out, err = call("job", "cancel", ids[0], "-o", "name", *folder)
    assert (code, out, err) == (0, f"{ids[0]}\n", f"job {ids[0]} had ended before: Cancelled\n")
    assert call("job", "cancel", ids[0], "nobody", *folder).code == Exit.ERROR
    assert call("job", "cancel", *folder).code == Exit.USAGE
