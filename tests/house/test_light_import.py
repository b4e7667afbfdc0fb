"""`import kyanite` is light: what is heavy loads when it is first used."""

import json
import subprocess
import sys

import pytest

import kyanite

HEAVY = {"aiobotocore", "aiohttp", "botocore", "click", "llvmlite", "matplotlib", "numba", "numpy", "rich"}
MODULES_MAX = 400


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after the statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    child = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    return set(json.loads(child.stdout))


@pytest.mark.parametrize(
    "statement",
    [
        "import kyanite",
        "from kyanite import *",
        "import kyanite.optimization",
        "import kyanite.sync.optimization",
        "import kyanite.plots",
    ],
)
def test_import_loads_nothing_heavy(statement):
    loaded = modules_after(statement)
    assert "kyanite" in loaded
    assert HEAVY & loaded == set()
    assert len(loaded) < MODULES_MAX


def test_the_runtime_is_loaded_when_it_is_first_used():
    assert "asyncio" not in modules_after("import kyanite")
    assert "kyanite.runtime.workspace" in modules_after("import kyanite; kyanite.Workspace")


def test_every_public_name_is_there():
    assert {name: getattr(kyanite, name).__name__ for name in kyanite.__all__} == {n: n for n in kyanite.__all__}
    assert set(kyanite.__all__) <= set(dir(kyanite))
    with pytest.raises(AttributeError, match="Workspaec"):
        kyanite.Workspaec  # noqa: B018


def test_heavy_modules_would_be_seen():
    assert "numpy" in modules_after("import numpy")
