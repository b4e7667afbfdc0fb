"""Run the mutants: `python -m tests.mutation [--sample 60] [--only stores.select]`.

All tests are collected once; each mutant is then a fork of that process in which the tests of its module run until one
fails. A mutant that no test notices has survived; one that is still running after a while counts as noticed.
"""

import argparse
import json
import os
import random
import sys
from pathlib import Path

import pytest

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.forks import Forks
from tests.mutation.mutants import mutants
from tests.mutation.subjects import SUBJECTS, files_of, source_of

SCORE_MIN = 0.85


def chosen(arguments):
    """Return the mutants of this run."""
    found = [
        mutant
        for module in SUBJECTS
        if arguments.only in module
        for mutant in mutants(module, source_of(module))
        if mutant.name not in EQUIVALENT
    ]
    if arguments.sample and arguments.sample < len(found):
        found = random.Random(arguments.seed).sample(found, arguments.sample)
    return found


def say(lines):
    """Print lines."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def main():
    """Run the mutants, tell which survived, and say whether enough did not."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="how many, chosen at random; 0: all")
    parser.add_argument("--seed", type=int, default=0, help="of the choice")
    parser.add_argument("--only", default="", help="part of a module's name")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--report", type=Path, help="write the figures there, as JSON")
    parser.add_argument("--list", action="store_true", help="only name the mutants")
    arguments = parser.parse_args()
    subjects = chosen(arguments)
    if arguments.list:
        say(mutant.name for mutant in subjects)
        return 0
    os.environ.pop("RELIABILITY_REPORT", None)
    forks = Forks(subjects, arguments.jobs)
    files = set().union(*(files_of(SUBJECTS[mutant.module]) for mutant in subjects))
    pytest.main(["-q", "-s", "-p", "no:cacheprovider", *sorted(files)], [forks])
    figures = forks.figures()
    say(f"survived: {name}" for name in figures["survived"])
    say([f"{figures['killed']} of {figures['mutants']} mutants noticed, score {figures['score']:.1%}"])
    if arguments.report:
        arguments.report.write_text(json.dumps(figures), encoding="utf-8")
    return 0 if figures["mutants"] and figures["score"] >= SCORE_MIN else 1


if __name__ == "__main__":
    sys.exit(main())
