"""Terms kept in NumPy's `.npz` files: one array of ids for each factor, and one of coefficients."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kyanite.optimization.term import Term

IDS = ("arr_0", "arr_1")
C = "arr_2"
"""What `numpy.savez` calls arrays that were given no name."""


def terms(path: str | Path, ids: tuple[str, ...], c: str) -> list[Term]:
    """Return one term a row. Raises `FileNotFoundError`, and `ValueError` unless these are the arrays of the file."""
    import numpy as np

    loaded = np.load(path, allow_pickle=False)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        raise ValueError(f"{path} must hold several arrays, as numpy.savez writes them; it holds one")  # noqa: TRY004
    with loaded as file:
        if not holds(file.files, ids, c):
            raise ValueError(f"{path} must hold the arrays {', '.join([*ids, c])}; it holds {', '.join(file.files)}")
        factors = [file[name].astype(np.int64).tolist() for name in ids]
        coefficients = file[c].astype(np.float64).tolist()
    return [Term(list(row), None, value) for *row, value in zip(*factors, coefficients, strict=True)]


def holds(files: Iterable[str], ids: Iterable[str], c: str) -> bool:
    """Tell whether these are the names of the arrays, in any order."""
    return sorted(files) == sorted([*ids, c])
