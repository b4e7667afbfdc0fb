"""The table of promises with the figures of a run: `python -m tests.reliability_table REPORT [--write README.md]`.

`--coverage FILE`, made by `coverage json`, adds the row on branch coverage.

Reads the lines that the proofs have recorded (see `tests.reliability`), prints the table, and fails if a promise has no
figure: a proof that was not run, or that no longer says what it found. `--plain` prints it for terminals.
"""

import argparse
import json
import sys
from pathlib import Path

from tests import reliability

PROMISES = (
    "An acknowledged submit is never lost; an answer never becomes untrue",
    "Nothing is lost, doubled or changed, whatever fails",
    "Exactly one final state and one final event, and it never changes",
    "Exactly one final state and one final event per job, at every crash point",
    "Execution is at-least-once, results are at-most-once",
    "Cancel wins or loses once",
    "Every final event reaches every receiver at least once, or is a dead letter after all attempts",
    "Nothing acknowledged is lost when the power goes out (synchronous = FULL)",
    "With synchronous = NORMAL a power loss takes the latest at most, and corrupts nothing",
    "A flipped byte in a blob is detected by its hash",
    "A flipped byte in the store is found by `kyanite check`",
    "Disk full is survivable",
    "Resources: no descriptors left",
    "Resources: a wild worker fails one job, with a code",
    "Leaks: memory flat, handles constant, no task at exit",
    "Parsers: only the documented error, < 100 ms and < 64 MB an input",
    "The native API answers as its OpenAPI page says, and never 5xx",
    "Names: no path ever leaves its root",
    "Secrets: in no log, event, error or page",
    "Every adapter answers as its port's reference model does",
    "Branch coverage of core/ and runtime/ is at least 95 %",
    "The mutation score of lifecycle, journal and stores is at least 85 %",
)
"""Every promise that a proof here measures, in the order of the table."""

COVERAGE_MIN = 0.95
COVERED = ("kyanite/core/", "kyanite/runtime/")

BEGIN, END = "<!-- made by make reliability -->\n", "<!-- end -->"


def figures(lines):
    """Return what was recorded of each promise, in the order of the lines; a proof that was run twice counts once."""
    found = {}
    for line in lines:
        entry = json.loads(line)
        # Two figures of one proof differ in their numbers only; the newer takes the place of the older.
        proof = "".join(character for character in entry["figure"] if character not in "0123456789,.")
        found.setdefault(entry["promise"], {})[proof] = entry
    return {promise: list(told.values()) for promise, told in found.items()}


def cell(entries):
    """Return the figures of a promise as one text; comparisons with a model, and crash points, as their sums."""
    if len(entries) > 1 and all("compared" in entry for entry in entries):
        compared, differ = sum(entry["compared"] for entry in entries), sum(entry["differ"] for entry in entries)
        return f"{compared:,} answers and states of {len(entries)} adapters and parts compared, {differ} differ"
    if len(entries) > 1 and all("crash_points" in entry for entry in entries):
        points = sum(entry["crash_points"] for entry in entries)
        return f"{points:,} crash points in {len(entries)} kinds of jobs, simulated: 0 lost, 0 doubled, 0 changed"
    return "; ".join(entry["figure"] for entry in entries)


def coverage_line(measured):
    """Return the figure of the floors that must be covered, from the object that `coverage json` writes, as a line."""
    summaries = [file["summary"] for name, file in measured["files"].items() if any(part in name for part in COVERED)]
    there = sum(each["num_statements"] + each["num_branches"] for each in summaries)
    reached = sum(each["covered_lines"] + each["covered_branches"] for each in summaries)
    share = reached / there if there else 0.0
    if share < COVERAGE_MIN:
        raise SystemExit(f"{share:.1%} of core/ and runtime/ are covered; {COVERAGE_MIN:.0%} are promised")
    promise = "Branch coverage of core/ and runtime/ is at least 95 %"
    figure = f"{share:.1%} of {there:,} statements and branches"
    return json.dumps({"promise": promise, "figure": figure, "form": reliability.FORM, "covered": share})


def missing(found):
    """Return the promises that have no figure, and the figures that belong to none."""
    return [promise for promise in PROMISES if promise not in found], [each for each in found if each not in PROMISES]


def markdown(found, form):
    """Return the table as Markdown."""
    rows = [f"| {promise} | {cell(found[promise])} |" for promise in PROMISES if promise in found]
    return "\n".join([f"| promise | measured ({form}) |", "|---|---|", *rows])


def plain(found):
    """Return the table for terminals."""
    told = [
        [promise, *(f"    {entry['figure']}" for entry in found[promise])] for promise in PROMISES if promise in found
    ]
    return "\n".join(line for lines in told for line in lines)


def renewed(page, table):
    """Return the page with the table between its two marks. Raises `ValueError` for a page without them."""
    before, found_begin, rest = page.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not (found_begin and found_end):
        raise ValueError(f"the page has no lines {BEGIN.strip()!r} and {END!r}")
    return f"{before}{BEGIN}\n{table}\n\n{END}{after}"


def main(arguments=None):
    """Print the table, perhaps put it into a page, and tell whether it is whole."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability_table", description=__doc__)
    parser.add_argument("report", type=Path, help="what the proofs have recorded: a line of JSON each")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table into this page, too")
    parser.add_argument("--plain", action="store_true", help="print it for terminals, not as Markdown")
    parser.add_argument("--coverage", type=Path, metavar="FILE", help="what `coverage json` has written")
    chosen = parser.parse_args(arguments)
    lines = chosen.report.read_text(encoding="utf-8").splitlines() if chosen.report.exists() else []
    if chosen.coverage:
        lines.append(coverage_line(json.loads(chosen.coverage.read_text(encoding="utf-8"))))
    found = figures(lines)
    form = ", ".join(sorted({json.loads(line)["form"] for line in lines})) or "nothing"
    sys.stdout.write((plain(found) if chosen.plain else markdown(found, form)) + "\n")
    absent, unknown = missing(found)
    for promise in absent:
        sys.stderr.write(f"no figure: {promise}\n")
    for promise in unknown:
        sys.stderr.write(f"not a promise of the table: {promise}\n")
    if absent or unknown:
        return 1
    if chosen.write:
        page = chosen.write.read_text(encoding="utf-8")
        chosen.write.write_text(renewed(page, markdown(found, form)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
