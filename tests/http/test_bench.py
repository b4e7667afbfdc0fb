"""The measurements of `make bench-http` run in their smallest form, and the page keeps what others have written."""

from __future__ import annotations

import pytest

from tests.bench import page
from tests.bench.http import __main__ as bench
from tests.bench.http.processes import Child
from tests.bench.table import Grid

NUMBERED = {"jobs": ["1", "16", "128"], "submits": ["1", "16", "128"]}
"""What rows begin with that begin with a number, by group."""
TRANSFERRED = {
    "transfers": [["upload", "16.00"], ["upload", "in"], ["download", "16.00"], ["download", "in"]],
}


@pytest.mark.parametrize("group", bench.GROUPS)
def test_every_group_is_measured(capsys, tmp_path, group):
    assert bench.main([group, "--quick", "--dir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    starts = [line.split(":")[0] for line in printed.splitlines() if line and not line.startswith(" ")]
    assert starts == ["quick", group]
    rows = [line.split() for line in printed.splitlines() if line.startswith("  ")]
    assert rows
    assert [row[0] for row in rows if row[0].isdigit()] == NUMBERED.get(group, [])
    assert [row[:2] for row in rows if row[0] in {"upload", "download"}] == TRANSFERRED.get(group, [])
    assert not list(tmp_path.iterdir())


def test_without_a_name_all_groups_are_measured_in_order(monkeypatch, capsys, tmp_path):
    def empty(scale):
        """Measure nothing."""
        return Grid((), [], [])

    monkeypatch.setattr(bench, "GROUPS", dict.fromkeys(bench.GROUPS, empty))
    assert bench.main(["--quick", "--dir", str(tmp_path)]) == 0
    starts = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if line and not line.startswith(" ")]
    assert starts == ["quick", *bench.GROUPS]


def test_a_process_that_does_not_listen_is_told():
    with pytest.raises(RuntimeError, match="has ended"):
        Child("-c", "raise SystemExit(3)")


def test_only_full_runs_are_written(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--quick", "--write"])
    assert "--write needs a full run" in capsys.readouterr().err


def test_parts_of_the_page_are_renewed_and_the_rest_is_kept():
    order, kernels, http = ["first", "second"], "bench-kernels", "bench-http"
    text = page.renewed("# Page\n\nwords\n", {"second": "two"}, order, kernels)
    text = page.renewed(text, {"first": "one"}, order, kernels)
    text = page.renewed(text, {"second": "other"}, order, kernels)
    assert text.startswith("# Page\n\nwords\n\n<!-- made by make bench-kernels: first -->")
    assert page.parts(text, kernels) == {"first": "\none\n\n", "second": "\nother\n\n"}
    assert page.renewed(text, {}, order, kernels) == text

    both = page.renewed(text, {"first": "daemon"}, order, http)
    assert both.startswith("# Page\n\nwords\n\n<!-- made by make bench-http: first -->")
    assert page.parts(both, kernels) == page.parts(text, kernels)
    assert page.renewed(both, {}, order, kernels) == both
    assert page.kept("# Page\n\nwords\n", both) == both
