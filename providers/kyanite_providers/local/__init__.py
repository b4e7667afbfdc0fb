"""Optimization targets on this machine: kernels in worker processes, progress and the wish to stop in shared
memory.

    workspace -> provider -> search -> pool -> process ~~frames~~> worker -> problem, solve, results
                        |-> parameters                                                    |-> kernels

Everything left of the frames loads neither numpy nor numba.
"""

from kyanite_providers.local.provider import LocalProvider

__all__ = ["LocalProvider"]
