"""The files of the repository, as the house tests see them."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    ROOT / "orchestrator" / "kyanite",
    ROOT / "providers" / "kyanite_providers",
    ROOT / "kernels" / "kyanite_kernels",
)
CORE = PACKAGES[0] / "core"
PORTS = PACKAGES[0] / "ports"
KERNELS = PACKAGES[2]

_LEFT_BY_TOOLS = {"__pycache__", ".git", ".venv", "build", "dist", "htmlcov"}


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that is, or could be, committed; without git (an unpacked archive), every file of ours."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return tuple(sorted(path for path in ROOT.rglob("*") if path.is_file() and _is_ours(path)))
    paths = (ROOT / name for name in listing.stdout.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def _is_ours(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return not _LEFT_BY_TOOLS & set(parts) and not any(part.endswith("_cache") for part in parts)


def python_files() -> list[Path]:
    """Every Python file: packages, tests, examples."""
    return [path for path in tracked_files() if path.suffix == ".py"]


def package_files() -> list[Path]:
    """The Python files that are shipped."""
    return [path for path in python_files() if any(path.is_relative_to(package) for package in PACKAGES)]


def documents() -> list[Path]:
    """The README and every page under docs/."""
    return [
        path
        for path in tracked_files()
        if path.suffix == ".md" and (path == ROOT / "README.md" or path.is_relative_to(ROOT / "docs"))
    ]


def name_of(path: Path) -> str:
    """The path as people write it, from the root."""
    return path.relative_to(ROOT).as_posix()
