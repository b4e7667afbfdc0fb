"""The measurements of `make bench-hooks` run in their smallest form; that of kills is a test by itself."""

from tests.bench.hooks import __main__ as bench


def test_every_group_is_measured(capsys, tmp_path):
    assert list(bench.GROUPS) == ["rates", "latency", "core", "kills"]
    assert bench.main(["rates", "latency", "core", "--quick", "--dir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    starts = [line.split(":")[0] for line in printed if line and not line.startswith(" ")]
    assert starts == ["quick", "rates", "latency", "core"]
    rows = [line.split() for line in printed if line.startswith("  ")]
    assert [row[:2] for row in rows if row[1] in {"waiting", "happening"}] == [
        ["1", "waiting"],
        ["1", "happening"],
        ["5", "waiting"],
        ["5", "happening"],
    ]
    assert [row[0] for row in rows if row[0] in {"100", "300", "1,000"}] == ["100", "300", "1,000"]
    assert [row[:2] for row in rows if row[0] in {"no", "one"}] == [
        ["no", "webhook"],
        *[["one", word] for word in ("that", "where", "that")],
    ]
    assert not list(tmp_path.iterdir())
