"""The peers' process: made from the `bench` group's environment, which `make bench-kernels` installs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from kyanite_kernels.ising.terms import Float64s, Terms

ROOT: Final = Path(__file__).resolve().parents[3]
PROGRAM: Final = Path(__file__).with_name("peer_process.py")
_VARIABLE: Final = "BENCH_PEERS"


class Spent(NamedTuple):
    """Seconds of processor time and by the wall; `call_cpu_s` includes the peer's own conversions."""

    cpu_s: float
    wall_s: float
    call_cpu_s: float


class Peers:
    """Answers requests, one at a time. Problems and costs go through files of `folder`."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        """Take the process over."""
        self._process = process
        self._folder = folder
        self.versions: dict[str, str] = {}

    def problem(self, terms: Terms) -> str:
        """Write a problem where the peers read it, and return the path: the same for the same problem."""
        arrays: dict[str, Any] = {"kind": np.array(terms.kind), "n": np.array(terms.n)}
        arrays |= {name: getattr(terms, name) for name in ("coefficient", "start", "variable")}
        digest = sha256(b"".join(array.tobytes() for array in arrays.values())).hexdigest()
        path = self._folder / f"{digest}.npz"
        if not path.exists():
            np.savez(path, **arrays)
        return str(path)

    def costs(self, run: str, problem: str, **options: Any) -> tuple[Spent, Float64s]:
        """Run a sampler; return what it took and the cost of every read."""
        out = str(self._folder / "costs.npz")
        told = self.ask(run, problem=problem, out=out, **options)
        with np.load(out) as arrays:
            return spent(told), arrays["costs"]

    def ask(self, run: str, **options: Any) -> dict[str, Any]:
        """Have a function of the peers' process run. Raises RuntimeError where that process ended."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the peers' process has no pipes")
        self._process.stdin.write(json.dumps({"run": run, **options}) + "\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"the peers' process ended while it ran {run}")
        told: dict[str, Any] = json.loads(line)
        return told


def spent(told: dict[str, Any]) -> Spent:
    """Return the times in an answer."""
    return Spent(told["cpu_s"], told["wall_s"], told["call_cpu_s"])


def python() -> Path | None:
    """Return the interpreter of the peers' environment: from the environment, else where `make` puts it."""
    path = Path(os.environ.get(_VARIABLE, ROOT / "build" / "peers" / "bin" / "python"))
    return path if path.exists() else None


@contextmanager
def opened(folder: Path) -> Iterator[Peers | None]:
    """Start the peers for a while; None where they are not installed."""
    if (interpreter := python()) is None:
        yield None
        return
    # One thread each: what a peer's libraries would start by themselves is not what is compared.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [str(interpreter), str(PROGRAM)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        peers = Peers(process, folder)
        told = peers.ask("versions")
        peers.versions = {name: told[name] for name in ("dwave-samplers", "openjij", "dimod")}
        yield peers
