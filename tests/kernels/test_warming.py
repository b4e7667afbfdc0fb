from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kyanite_kernels
from kyanite_kernels.jit import ENTRY_POINTS

SHELF = Path(kyanite_kernels.__file__).parents[1]


def child(script: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(SHELF)}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_progress_is_told_and_a_warm_package_stays_warm():
    told = []
    kyanite_kernels.warm(lambda name, fraction: told.append((name, fraction)))
    assert told[-1] == ("ready", 1.0)
    assert [fraction for _, fraction in told] == sorted(fraction for _, fraction in told)


def test_no_kernel_compiles_after_warming():
    for dispatcher in ENTRY_POINTS:
        assert dispatcher.signatures
        with pytest.raises(TypeError):
            dispatcher(np.zeros(1, dtype=np.complex128))


def test_a_second_process_loads_everything_from_the_cache():
    script = (
        "import kyanite_kernels; kyanite_kernels.warm();"
        "from kyanite_kernels.jit import ENTRY_POINTS;"
        "print(sum(sum(d.stats.cache_misses.values()) for d in ENTRY_POINTS), len(ENTRY_POINTS))"
    )
    misses, kernels = child(script).split()
    assert (misses, int(kernels)) == ("0", len(ENTRY_POINTS))


def test_importing_the_package_loads_neither_numpy_nor_numba():
    script = (
        "import sys, kyanite_kernels; print(len(kyanite_kernels.fingerprint()), {'numpy', 'numba'} & set(sys.modules))"
    )
    assert child(script).strip() == "16 set()"
