"""Results of a solver, as notebooks show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Results(dict[str, Any]):
    """What a solver found: the plain mapping in every respect, and a table where a notebook shows it."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        from kyanite.html import results_html

        return results_html(self)


def as_results(output: Any) -> Any:
    """Return an output as `Results` if it is a mapping with solutions, and any other as it is."""
    if isinstance(output, Mapping) and isinstance(output.get("solutions"), list):
        return output if isinstance(output, Results) else Results(output)
    return output
