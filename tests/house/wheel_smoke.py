"""Install a built wheel beside the pinned packages in an environment of its own, and run a job there.

Called with the wheel: `python tests/house/wheel_smoke.py dist/kyanite-*.whl`. It makes the environment in a
temporary folder and calls itself in it, away from the repository, so that only what the wheel carries can be
imported.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from importlib.metadata import distribution, entry_points
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("kyanite", "kyanite_providers", "kyanite_kernels")
INSIDE = "--inside"


def install_and_call(wheel: Path) -> None:
    """Make the environment, install the wheel, and call this file in it."""
    with tempfile.TemporaryDirectory(prefix="kyanite-wheel-") as folder:
        subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
        python = f"{folder}/venv/bin/python"
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", ROOT / "requirements" / "runtime.lock"], check=True)
        subprocess.run([*pip, "--no-deps", wheel.resolve()], check=True)
        subprocess.run([python, "-m", "pip", "check"], check=True)
        subprocess.run([python, "-I", "-W", "error", __file__, INSIDE, folder], cwd=folder, check=True)


def look_at_contents() -> None:
    """What is no Python came along: type markers, SQL, the licence, the entry point of the provider."""
    for package in PACKAGES:
        assert files(package).joinpath("py.typed").is_file(), f"{package} has lost py.typed"
    sql = [path.name for path in files("kyanite").joinpath("stores", "sql").iterdir() if path.name.endswith(".sql")]
    assert sql, "the wheel holds no SQL"
    licences = [path for path in distribution("kyanite").files or [] if path.name == "LICENSE"]
    assert licences, "the wheel holds no LICENSE"
    (local,) = entry_points(group="kyanite.providers", name="local")
    assert local.load().__name__ == "LocalProvider"


async def run_a_job(folder: Path) -> None:
    """One job from submit to result, through the store and the blobs that a user gets by default."""
    from kyanite import Workspace

    async with Workspace.open(data_dir=folder / "workspace") as workspace:

        @workspace.target("acme.echo")
        async def echo(task) -> None:
            await task.write_output(await task.read_input())

        job = await workspace.submit("acme.echo", b"x")
        results = await job.get_results()
        assert results == b"x", f"the echo of b'x' is {results!r}"


def call_the_command(folder: Path) -> None:
    """The script that the wheel installs sees the job."""
    command = Path(sys.executable).with_name("kyanite")
    words = [command, "job", "list", "--data-dir", folder / "workspace", "-o", "json"]
    (job,) = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    assert job["status"] == "Succeeded", job


def main() -> None:
    """Outside: install and call. Inside: look and run."""
    if sys.argv[1] != INSIDE:
        (wheel,) = sys.argv[1:]
        install_and_call(Path(wheel))
        print(f"{wheel}: installs, and runs a job")
        return
    import kyanite

    assert Path(kyanite.__file__).is_relative_to(sys.prefix), f"{kyanite.__file__} is not the wheel's"
    look_at_contents()
    asyncio.run(run_a_job(Path(sys.argv[2])))
    call_the_command(Path(sys.argv[2]))


if __name__ == "__main__":
    main()
