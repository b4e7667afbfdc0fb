"""Kernels are compiled once and cached beside their source, in a folder named by that source."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kyanite_kernels

if TYPE_CHECKING:
    from collections.abc import Iterator

# Before numba's import, which reads it. Python's own cache folder is ignored by git already.
_CACHE = Path(kyanite_kernels.__file__).parent / "__pycache__" / f"kernels-{kyanite_kernels.fingerprint()}"
os.environ.setdefault("NUMBA_CACHE_DIR", str(_CACHE))


@pytest.fixture(scope="session", autouse=True)
def warm_kernels() -> Iterator[None]:
    kyanite_kernels.warm()
    yield
    # Whatever the tests called: nothing was compiled after warming.
    from kyanite_kernels.jit import ENTRY_POINTS

    assert {len(dispatcher.signatures) for dispatcher in ENTRY_POINTS} == {1}
