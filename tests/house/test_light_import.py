"""`import kyanite` is light: what is heavy loads when it is first used."""

import json
import subprocess
import sys

HEAVY = {"aiobotocore", "aiohttp", "botocore", "click", "llvmlite", "matplotlib", "numba", "numpy", "rich"}
MODULES_MAX = 400


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    child = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    return set(json.loads(child.stdout))


def test_import_loads_nothing_heavy():
    loaded = modules_after("import kyanite")
    assert "kyanite" in loaded
    assert HEAVY & loaded == set()
    assert len(loaded) < MODULES_MAX


def test_heavy_modules_would_be_seen():
    assert "numpy" in modules_after("import numpy")
