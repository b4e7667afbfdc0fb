import ast
import json
from pathlib import Path

import pytest

from tests import reliability_table
from tests.reliability_table import BEGIN, END, PROMISES

HERE = Path(__file__).parent


def recorded():
    """Every promise that a proof of this tree records a figure of, read from the source."""
    sources = [path.read_text(encoding="utf-8") for path in HERE.rglob("*.py")]
    for source in sources:
        if "from tests.reliability import" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "record" and node.args:
                yield ast.unparse(node.args[0]) if not isinstance(node.args[0], ast.Constant) else node.args[0].value


def measured(**covered):
    """What `coverage json` says of files with 80 statements and 20 branches each."""
    summaries = {
        f"orchestrator/kyanite/{name.replace('_', '/')}.py": {
            "summary": {"num_statements": 80, "num_branches": 20, "covered_lines": lines, "covered_branches": branches}
        }
        for name, (lines, branches) in covered.items()
    }
    return {"files": summaries}


def line(promise, figure, **numbers):
    return json.dumps({"promise": promise, "figure": figure, "form": "ci", **numbers}) + "\n"


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report"
    path.write_text("".join(line(promise, "1,000 tried, 0 lost") for promise in PROMISES))
    return path


def test_every_promise_has_a_proof_and_every_proof_a_promise():
    """That on coverage is measured by the run as a whole."""
    (coverage,) = [promise for promise in PROMISES if "coverage" in promise]
    assert {*recorded(), coverage} == set(PROMISES)


def test_the_table_has_a_row_for_each_promise(report, capsys):
    assert reliability_table.main([str(report)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "| promise | measured (ci) |"
    assert [row.split(" | ")[0].removeprefix("| ") for row in printed[2:]] == list(PROMISES)
    assert reliability_table.main([str(report), "--plain"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [PROMISES[0], "    1,000 tried, 0 lost"]


def test_several_proofs_of_a_promise_share_its_row_and_the_newest_figure_counts(report, capsys):
    with report.open("a") as file:
        file.write(line(PROMISES[0], "2,000 tried, 0 lost") + line(PROMISES[0], "7 more ways"))
    assert reliability_table.main([str(report)]) == 0
    assert capsys.readouterr().out.splitlines()[2] == f"| {PROMISES[0]} | 2,000 tried, 0 lost; 7 more ways |"


def test_what_was_compared_with_a_model_is_summed(report, capsys):
    counts = {"a": 1_000, "b": 500}
    proofs = [line(PROMISES[0], f"store {name}", compared=count, differ=0) for name, count in counts.items()]
    others = report.read_text().splitlines(keepends=True)[1:]
    report.write_text("".join(proofs + others))
    assert reliability_table.main([str(report)]) == 0
    summed = "1,500 answers and states of 2 adapters and parts compared, 0 differ"
    assert capsys.readouterr().out.splitlines()[2] == f"| {PROMISES[0]} | {summed} |"


def test_a_promise_without_a_figure_fails_as_does_a_figure_without_a_promise(report, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}old\n{END}\nafter\n")
    whole = report.read_text().splitlines(keepends=True)
    report.write_text("".join(whole[1:]))
    assert reliability_table.main([str(report), "--write", str(page)]) == 1
    assert f"no figure: {PROMISES[0]}" in capsys.readouterr().err
    report.write_text("".join(whole) + line("Nobody promised this", "1"))
    assert reliability_table.main([str(report), "--write", str(page)]) == 1
    assert "not a promise of the table: Nobody promised this" in capsys.readouterr().err
    assert reliability_table.main([str(tmp_path / "none")]) == 1
    assert "old" in page.read_text()


def test_the_table_is_written_between_its_marks(report, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}old\n{END}\nafter\n")
    for _ in range(2):
        assert reliability_table.main([str(report), "--write", str(page)]) == 0
        text = page.read_text()
        assert text.startswith(f"before\n{BEGIN}\n| promise |")
        assert text.endswith(f"|\n\n{END}\nafter\n")
        assert "old" not in text
    page.write_text("no place for it")
    with pytest.raises(ValueError, match="made by make reliability"):
        reliability_table.main([str(report), "--write", str(page)])


def test_coverage_is_a_row_and_fails_below_the_promise(report, tmp_path, capsys):
    enough = tmp_path / "coverage.json"
    enough.write_text(json.dumps(measured(core_job=(80, 18), runtime_bus=(76, 17), cli_main=(0, 0))))
    assert reliability_table.main([str(report), "--coverage", str(enough)]) == 0
    assert "95.5% of 200 statements and branches" in capsys.readouterr().out
    enough.write_text(json.dumps(measured(core_job=(80, 18), runtime_bus=(75, 16))))
    with pytest.raises(SystemExit, match=r"94.5%"):
        reliability_table.main([str(report), "--coverage", str(enough)])
    with pytest.raises(SystemExit, match=r"0.0%"):
        reliability_table.main([str(report), "--coverage", str(_written(tmp_path, measured()))])


def _written(folder, told):
    path = folder / "none.json"
    path.write_text(json.dumps(told))
    return path
