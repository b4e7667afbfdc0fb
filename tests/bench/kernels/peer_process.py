"""The peers, in an environment of their own, which has nothing of Kyanite: requests in, times and costs out.

Each line of the input is a JSON object: `run`, one of the functions below, with its arguments. Each is answered by a
line: `cpu_s` and `wall_s` of the compiled part alone (a peer's checks and conversions are not counted, in its favour),
`call_cpu_s` of the whole call, and what the function returns. Problems come as .npz files: the arrays of Kyanite's
`Terms`, constant included; costs go back in one.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from functools import lru_cache, partial
from importlib.metadata import version
from itertools import pairwise

import dimod
import numpy as np
import openjij.sampler.base_sa_sample_hubo as hubo
from dwave.samplers import SimulatedAnnealingSampler, TabuSampler
from dwave.samplers.sa import sampler as annealing
from dwave.samplers.tabu import sampler as tabu_sampler
from openjij import SASampler, SQASampler
from openjij.model.model import BinaryQuadraticModel
from openjij.sampler.sampler import BaseSampler

ROUNDING = 1e-9


class Stopwatch:
    """Adds up what a function costs whenever it is called."""

    def __init__(self):
        self.cpu_s = self.wall_s = 0.0

    def around(self, function):
        """Return the function, timed."""

        def timed(*arguments, **options):
            start = time.process_time(), time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.cpu_s += time.process_time() - start[0]
                self.wall_s += time.perf_counter() - start[1]

        return timed


class Timed:
    """An object of which the one method `sample` is timed."""

    def __init__(self, of, watch):
        self._of = of
        self.sample = watch.around(of.sample)

    def __getattr__(self, name):
        return getattr(self._of, name)


WATCH = Stopwatch()
_make_sampler = hubo.make_sa_sampler
# Where a sampler calls its compiled part, once everything is converted.
annealing.simulated_annealing = WATCH.around(annealing.simulated_annealing)
tabu_sampler.TabuSearch = WATCH.around(tabu_sampler.TabuSearch)
hubo.make_sa_sampler = lambda *arguments, **options: Timed(_make_sampler(*arguments, **options), WATCH)


@lru_cache(maxsize=4)
def products_of(problem):
    """Return the kind, and the coefficient of every set of variables."""
    with np.load(problem) as arrays:
        coefficient, start, variable = arrays["coefficient"], arrays["start"].tolist(), arrays["variable"].tolist()
        kind = str(arrays["kind"])
    products: dict[tuple[int, ...], float] = {}
    for c, (begin, end) in zip(coefficient.tolist(), pairwise(start), strict=True):
        key = tuple(sorted(variable[begin:end]))
        products[key] = products.get(key, 0.0) + c
    return kind, products


@lru_cache(maxsize=4)
def quadratic_of(problem):
    """Return a problem of degree 2 at most as dimod has it."""
    with np.load(problem) as arrays:
        kind, n, coefficient, start, variable = (arrays[k] for k in ("kind", "n", "coefficient", "start", "variable"))
    degree, first = np.diff(start), start[:-1]
    linear = np.bincount(variable[first[degree == 1]], coefficient[degree == 1], minlength=int(n))
    pairs = first[degree == 2]
    vectors = variable[pairs], variable[pairs + 1], coefficient[degree == 2]
    vartype = "SPIN" if str(kind) == "ising" else "BINARY"
    return dimod.BinaryQuadraticModel.from_numpy_vectors(linear, vectors, coefficient[degree == 0].sum(), vartype)


def anneal(problem, out, reads, sweeps, seed, beta_start=None, beta_stop=None, schedule="linear"):
    """Anneal by dwave-samplers; with the betas it suggests itself if none are given."""
    model = quadratic_of(problem)
    betas = None if beta_start is None else (beta_start, beta_stop)
    found = SimulatedAnnealingSampler().sample(
        model, num_reads=reads, num_sweeps=sweeps, seed=seed, beta_range=betas, beta_schedule_type=schedule
    )
    np.savez(out, costs=np.repeat(found.record.energy, found.record.num_occurrences))
    return {}


def anneal_products(problem, out, reads, sweeps, seed, beta_start, beta_stop):
    """Anneal by openjij's sampler for terms of any degree."""
    kind, products = products_of(problem)
    found = SASampler().sample_hubo(
        {key: c for key, c in products.items() if key and c},
        "SPIN" if kind == "ising" else "BINARY",
        num_reads=reads,
        num_sweeps=sweeps,
        num_threads=1,
        beta_min=beta_start,
        beta_max=beta_stop,
        temperature_schedule="LINEAR",
        seed=seed,
    )
    costs = np.repeat(found.record.energy, found.record.num_occurrences)
    np.savez(out, costs=costs + products.get((), 0.0))
    return {}


@lru_cache(maxsize=2)
def openjij_of(problem):
    """Return a problem of degree 2 at most as openjij has it."""
    model = quadratic_of(problem)
    return BinaryQuadraticModel(dict(model.linear), dict(model.quadratic), float(model.offset), model.vartype.name)


def quantum(problem, out, reads, sweeps, seed, trotter):
    """Anneal by openjij's path-integral sampler, at its own fields; a call a read, else all reads are the same."""
    model, sampler = openjij_of(problem), SQASampler()
    # Made once: the sampler itself looks its algorithms up by name.
    sampler._algorithm = {name: WATCH.around(call) for name, call in sampler._algorithm.items()}
    # The state alone, without the energies of all slices, which are worked out in Python, and long.
    sampler._get_result = partial(BaseSampler._get_result, sampler)
    costs = [
        sampler.sample(model, num_sweeps=sweeps, num_reads=1, trotter=trotter, seed=seed + read).energies[0]
        for read in range(reads)
    ]
    np.savez(out, costs=np.array(costs))
    return {}


def tabu(problem, target, timeout_ms, seed, tenure=None):
    """Search by dwave-samplers' tabu until the target is met; tell whether it was."""
    found = TabuSampler().sample(
        quadratic_of(problem), seed=seed, timeout=timeout_ms, tenure=tenure, energy_threshold=target
    )
    return {"cost": float(found.first.energy), "met": bool(found.first.energy <= target + ROUNDING)}


def versions():
    """Tell what is installed."""
    return {name: version(name) for name in ("dwave-samplers", "openjij", "dimod")}


RUNS = {run.__name__: run for run in (anneal, anneal_products, quantum, tabu, versions)}


def main():
    """Answer until the input ends."""
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        request = json.loads(line)
        WATCH.cpu_s = WATCH.wall_s = 0.0
        start_s = time.process_time()
        told = RUNS[request.pop("run")](**request)
        told |= {"cpu_s": WATCH.cpu_s, "wall_s": WATCH.wall_s, "call_cpu_s": time.process_time() - start_s}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
