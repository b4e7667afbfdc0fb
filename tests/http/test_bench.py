"""The measurements of `make bench-http` run in their smallest form, and the page keeps what others have written."""

from __future__ import annotations

import pytest

from tests.bench import page
from tests.bench.http import __main__ as bench
from tests.bench.http.processes import Child

FIRST = {
    "jobs": ["1", "16", "128"],
    "submits": ["1", "16", "128"],
    "transfers": ["upload", "upload", "download", "download"],
}
"""What rows begin with, in groups where that is worth a look."""


@pytest.mark.parametrize("group", bench.GROUPS)
def test_every_group_is_measured(capsys, tmp_path, group):
    assert bench.main([group, "--quick", "--dir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    starts = [line.split(":")[0] for line in printed.splitlines() if line and not line.startswith(" ")]
    assert starts == ["quick", group]
    rows = [line.split()[0] for line in printed.splitlines() if line.startswith("  ")]
    assert rows
    assert [row for row in rows if row in FIRST.get(group, ())] == FIRST.get(group, [])
    assert not list(tmp_path.iterdir())


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
