"""How long the proofs of reliability run, and where their figures go.

`RELIABILITY` is `quick` (plain `make test`), `ci` (`make reliability-ci`) or `soak` (`make soak`). With
`RELIABILITY_REPORT` set, each proof appends the figures that it measured to that file, a line of JSON each.
"""

import json
import os
from pathlib import Path

FORMS = ("quick", "ci", "soak")
FORM = os.environ.get("RELIABILITY", "quick")
if FORM not in FORMS:
    raise SystemExit(f"RELIABILITY is one of {', '.join(FORMS)}, not {FORM!r}")


def counts(*, quick, ci, soak):
    """Return how many there are to be in this run."""
    return {"quick": quick, "ci": ci, "soak": soak}[FORM]


def record(promise, figure, **numbers):
    """Note what a proof has measured: the promise, the figure in words, and the numbers it is made of."""
    report = os.environ.get("RELIABILITY_REPORT")
    if report:
        line = json.dumps({"promise": promise, "figure": figure, "form": FORM, **numbers})
        # One write of one short line: several processes may append to the file.
        with Path(report).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
