"""The solver that Toshiba offered beside Microsoft's."""

from __future__ import annotations

from typing import Any

from kyanite.optimization.solver import Solver
from kyanite.runtime.workspace import Workspace


class SimulatedBifurcationMachine(Solver):
    """Simulated bifurcation: `loops` runs of `steps` steps of length `dt`, or until `timeout` seconds or `target`.

    `maxout` bounds the number of solutions, `C` is the coupling constant, `algo` is "1.5" or "2.0", and `auto` has the
    target find its parameters itself. Source: Goto, Tatsumura and Dixon, Science Advances 5 (2019), eaav2372.
    """

    target_names = ("toshiba.sbm.ising",)

    def __init__(  # noqa: PLR0913, PLR0917  # the order of the SDK
        self,
        workspace: Workspace,
        name: str = "toshiba.sbm.ising",
        steps: int | None = None,
        loops: int | None = None,
        target: float | None = None,
        maxout: int | None = None,
        timeout: float | None = None,
        dt: float | None = None,
        C: float | None = None,  # noqa: N803
        algo: str | None = None,
        auto: bool | None = None,  # noqa: FBT001
        **kwargs: Any,
    ) -> None:
        super().__init__(workspace, name, "toshiba", nested_params=False, **kwargs)
        self.set_params(steps=steps, loops=loops, target=target, maxout=maxout, timeout=timeout)
        self.set_params(dt=dt, C=C, algo=algo, auto=auto)
