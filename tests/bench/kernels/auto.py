"""`kyanite.auto.cpu` on every public file: does it get to the best known value?"""

from __future__ import annotations

from typing import Final

from kyanite_kernels.ising.auto import auto
from tests.bench.kernels import instances
from tests.bench.kernels.group import ABSENT, Setting, Stopwatch, present
from tests.bench.kernels.instances import Instance
from tests.bench.table import Cell, Grid

COLUMNS: Final = (
    *("instance", "best known", "found", "above by", "%", "after, s", "in all, s", "CPU, s", "algorithm", "form"),
)
THREADS: Final = 2
_ALLOWED: Final = 3
_SEED: Final = 1
_EQUAL: Final = 1e-9


def to_best_known(setting: Setting) -> Grid:
    """`kyanite.auto.cpu` on all public files, best known on all but three."""
    search_s = setting.of(10, 1)
    names = ("gka8a", "uf100-01") if setting.quick else ()
    notes = [
        (
            f"{search_s} s a file, {THREADS} threads, seed {_SEED}, costs (minus the cut, for max-cut); a search ends "
            "early when the evidence suffices. After: when the best was found."
        )
    ]
    rows, misses = [], []
    for instance in present(instances.public(*names), notes):
        row, missed = _row(instance, search_s)
        rows.append(row)
        misses += [instance.name] if missed else []
    named = f": {', '.join(misses)}" if misses else ""
    notes.append(f"Missed on {len(misses)} of {len(rows)} files{named}; at most {_ALLOWED} may be.")
    return Grid(COLUMNS, rows, notes)


def _row(instance: Instance, search_s: float) -> tuple[tuple[Cell, ...], bool]:
    watch = Stopwatch()
    with watch.running():
        result = auto(instance.terms, timeout_s=search_s, seed=_SEED, threads=THREADS)
    found, best = float(result.costs[0]), instance.best_known
    after_s = result.trace[-1][0] if result.trace else 0.0
    above = 0.0 if best is None else found - best
    missed = above > _EQUAL * max(abs(found), 1.0)
    share: Cell = 100 * above / abs(best) if best else ABSENT
    told = (after_s, watch.wall_s, watch.cpu_s, result.parameters["algorithm"], result.parameters["form"])
    return (instance.name, ABSENT if best is None else best, found, above, share, *told), missed
