"""The solver classes, for the page on porting: which targets each may choose, and which of these are built."""

from __future__ import annotations

from collections.abc import Iterator

from kyanite import optimization
from kyanite.optimization import toshiba
from kyanite_providers.local import LocalProvider


def table() -> str:
    """Return the table of all solver classes and their targets."""
    built = {target.id for target in LocalProvider().targets()}
    rows = [
        f"| `{kind.__name__}` | `{name}` | {'yes' if name in built else 'not yet'} |"
        for kind in _solvers()
        for name in kind.target_names
    ]
    return "\n".join(["| class | target | built |", "|---|---|---|", *rows])


def _solvers() -> Iterator[type[optimization.Solver]]:
    offered = [getattr(optimization, name) for name in optimization.__all__]
    yield from (thing for thing in offered if isinstance(thing, type) and issubclass(thing, optimization.Solver))
    yield toshiba.SimulatedBifurcationMachine
