"""Where compiled kernels are kept, and how hard hypothesis searches: freely here, bounded and repeatable in CI."""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings

from kyanite_providers.local.environment import cache_folder

# Where workers keep them, so that they are compiled once; before numba's import, which reads the variable.
_BESIDE = Path(__file__).parents[1] / "build"
os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder(None, _BESIDE)))

# No deadline, no complaint about speed: a shared machine is slow at times, and each test has its time limit.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("here", _PATIENT, max_examples=50)
settings.register_profile("ci", _PATIENT, max_examples=100, derandomize=True, print_blob=True)
settings.register_profile("long", _PATIENT, max_examples=5_000)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")
