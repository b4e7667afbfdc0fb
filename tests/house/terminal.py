"""A terminal for the sessions on a page: a folder, a shell, and an environment of its own with Kyanite in it.

What a page installs stays in that environment, which borrows everything else from the one that runs the tests.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from pathlib import Path

COMMAND_TIMEOUT_S = 120  # the first solve on a machine compiles its kernel

_KYANITE = """#!{python}
import sys

from kyanite.cli.main import main

sys.exit(main())
"""


class Terminal:
    """Commands one after the other in one folder, as somebody would type them in who reads the page."""

    def __init__(self, folder: Path) -> None:
        """Make the environment; it lies beside the folder of the session, which is empty."""
        self.folder = folder / "session"
        self.folder.mkdir()
        self.status = 0
        self._bin = _environment(folder / "environment")

    def run(self, command: str) -> str:
        """Return what the command prints, on both streams; `status` then is its exit status.

        `$?` in the command is the status of the one before.
        """
        child = subprocess.run(
            ["/bin/sh", "-c", f"(exit {self.status})\n{command}"],
            cwd=self.folder,
            env=self._env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        self.status = child.returncode
        return child.stdout

    def _env(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("KYANITE_", "PYTHON", "PYTEST_", "PIP_"))
        }
        return kept | {
            "PATH": f"{self._bin}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "88",  # what fits a page
            # What a page installs needs nothing that is not here already, and nothing is fetched.
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say: without isolation
            "PIP_NO_DEPS": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }


def _environment(folder: Path) -> Path:
    """Make a virtual environment that sees all packages of the one we run in, and return where its programs are."""
    venv.create(folder, symlinks=True, with_pip=False)
    python = folder / "bin" / "python"
    packages = sysconfig.get_path("purelib", vars={"base": str(folder)})
    borrowed = sysconfig.get_path("purelib")
    Path(packages, "borrowed.pth").write_text(f"import site; site.addsitedir({borrowed!r})\n", encoding="utf-8")
    command = folder / "bin" / "kyanite"
    command.write_text(_KYANITE.format(python=python), encoding="utf-8")
    command.chmod(0o755)
    return folder / "bin"
