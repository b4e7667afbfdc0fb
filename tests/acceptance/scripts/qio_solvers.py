"""The retired SDK: each class of solver, and each way to hand over a problem. Only the environment is ours."""

import gzip
import json
import urllib.request

from azure.core.exceptions import HttpResponseError
from azure.quantum import Job, Workspace
from azure.quantum.job.base_job import ContentType
from azure.quantum.optimization import (
    OnlineProblem,
    ParallelTempering,
    PopulationAnnealing,
    Problem,
    ProblemType,
    QuantumMonteCarlo,
    RangeSchedule,
    SimulatedAnnealing,
    StreamingProblem,
    SubstochasticMonteCarlo,
    Tabu,
    Term,
)
from azure.quantum.target.oneqbit import PathRelinkingSolver, PticmSolver, TabuSearch
from azure.quantum.target.toshiba import SimulatedBifurcationMachine
from problems import BITS, SPINS, SQUARE, fields
from reporting import refusal, report

SWEEPS = {"sweeps": 100, "seed": 7}
BRIEF = {"timeout": 1, "seed": 7}
LINEAR = RangeSchedule("linear", 0.1, 5)
BETAS = [0.1, 0.3, 0.6, 1.2, 2.5, 5.0]

workspace = Workspace(
    subscription_id="5c2f9e1a-0000-4000-8000-000000000000",
    resource_group="research",
    name="annealing",
    location="West Europe",
    credential="",
)


def problem(name, terms=SPINS, kind=ProblemType.ising, **options):
    return Problem(name, [Term(c=weight, indices=list(ids)) for weight, ids in terms], problem_type=kind, **options)


def solvers():
    return {
        "annealing": SimulatedAnnealing(workspace, restarts=4, beta_start=0.1, beta_stop=5, **SWEEPS),
        "tempering": ParallelTempering(workspace, all_betas=BETAS, **SWEEPS),
        "tabu": Tabu(workspace, tabu_tenure=3, restarts=8, **SWEEPS),
        "quantum": QuantumMonteCarlo(workspace, trotter_number=8, restarts=8, beta_start=2.0, **SWEEPS),
        "population": PopulationAnnealing(workspace, population=64, alpha=2.0, beta=LINEAR, **SWEEPS),
        "substochastic": SubstochasticMonteCarlo(workspace, step_limit=2000, target_population=64, beta=LINEAR, seed=7),
    }


def solvers_without_parameters():
    kinds = (SimulatedAnnealing, ParallelTempering, Tabu, PopulationAnnealing, SubstochasticMonteCarlo)
    return {kind.__name__: kind(workspace, **BRIEF) for kind in kinds}


def streamed(terms, **options):
    """Upload a problem in several blocks."""
    stream = StreamingProblem(workspace, name="streamed", metadata={"origin": "many"}, **options)
    stream.upload_size_threshold, stream.upload_terms_threshold = 64, 100
    for start in range(0, len(terms), 200):
        stream.add_terms([Term(c=weight, indices=ids) for weight, ids in terms[start : start + 200]])
    stream.upload(workspace)
    return stream


def uploaded():
    """Upload a problem by itself, and hand over its URL in three ways."""
    spins = problem("uploaded")
    url = spins.upload(workspace, blob_name=None)
    solver = SimulatedAnnealing(workspace, restarts=4, **SWEEPS)
    twice = problem("again").upload(workspace, blob_name="twice")
    return {
        "by url": solver.submit(url),
        "online": solver.submit(OnlineProblem("online", url)),
        "by value": solver.submit(spins),
    }, {"url": url, "twice": twice, "again": refusal(problem("again").upload, workspace, blob_name="twice")}


def shapes():
    """Submit each shape a problem can have."""
    annealing = SimulatedAnnealing(workspace, restarts=4, **SWEEPS)
    grouped = problem("grouped", BITS, ProblemType.pubo)
    weight, parts = SQUARE
    grouped.add_slc_term(parts, c=weight)
    started = problem("started", init_config={str(one): 1 for one in range(8)})
    several = SimulatedAnnealing(workspace, restarts=16, **SWEEPS)
    several.set_number_of_solutions(3)
    stream = streamed(fields(1200))
    jobs = {
        "protobuf": annealing.submit(problem("protobuf", fields(1000), content_type=ContentType.protobuf)),
        "protobuf pubo": annealing.submit(problem("bits", BITS, ProblemType.pubo, content_type=ContentType.protobuf)),
        "grouped": annealing.submit(grouped),
        "started": annealing.submit(started),
        "several": several.submit(problem("several", [(-1.0, [one, one + 1]) for one in range(9)])),
        "streamed": Tabu(workspace, timeout=1, seed=7).submit(stream.uploaded_uri),
        "toshiba": SimulatedBifurcationMachine(workspace, steps=1000, loops=200, timeout=5).submit(
            problem("bifurcate")
        ),
    }
    back = stream.download()
    return jobs, {"terms": len(back.terms), "last": back.terms[-1].to_dict()}


def raw():
    """Submit without any class of problem: plain JSON with metadata, and nothing that can be read."""
    text = problem("raw").to_json().encode()
    options = {
        "provider_id": "Microsoft",
        "target": "microsoft.simulatedannealing.cpu",
        "input_data_format": "microsoft.qio.v2",
        "output_data_format": "microsoft.qio-results.v2",
    }
    return {
        "plain": Job.from_input_data(
            workspace, "plain", input_data=text, input_params={"params": SWEEPS}, metadata={"owner": "me"}, **options
        ),
        "unreadable": Job.from_input_data(workspace, "unreadable", input_data=gzip.compress(b"{"), **options),
        "wrong": SimulatedAnnealing(workspace, **SWEEPS).submit(problem("wrong", init_config={"0": 5})),
        "negative": SimulatedAnnealing(workspace, sweeps=-1).submit(problem("negative")),
    }


def ended(job):
    """Return how a job ended and what it found."""
    job.wait_until_completed(timeout_secs=90)
    found = job.get_results() if job.details.status == "Succeeded" else None
    return {
        "target": job.details.target,
        "provider": job.details.provider_id,
        "status": job.details.status,
        "error": job.details.error_data and job.details.error_data.as_dict(),
        "results": found,
    }


def details(job):
    """Return what is known of a job that has ended, and its blobs as anybody with the links sees them."""
    job.refresh()
    known = job.details.as_dict()
    with urllib.request.urlopen(job.details.output_data_uri) as answer:
        known["output"] = json.loads(answer.read())
    with urllib.request.urlopen(job.details.input_data_uri) as answer:
        known["input"] = json.loads(answer.read())
    return known


def unknown():
    """Return what the classes of a provider that is not here are told."""
    kinds = {"tabu": TabuSearch, "pticm": PticmSolver, "pathrelinking": PathRelinkingSolver}
    return {name: refusal(kind(workspace, seed=7).submit, problem("elsewhere")) for name, kind in kinds.items()}


def main():
    with_parameters = {
        f"{name} {kind.name}": solver.submit(problem(f"{name} {kind.name}", terms, kind))
        for name, solver in solvers().items()
        for kind, terms in ((ProblemType.ising, SPINS), (ProblemType.pubo, BITS))
    }
    without = {name: solver.submit(problem(name)) for name, solver in solvers_without_parameters().items()}
    by_shape, download = shapes()
    by_url, upload = uploaded()
    made = raw()
    report(
        {
            "with parameters": {name: ended(job) for name, job in with_parameters.items()},
            "without parameters": {name: ended(job) for name, job in without.items()},
            "shapes": {name: ended(job) for name, job in by_shape.items()},
            "download": download,
            "uploaded": {name: ended(job) for name, job in by_url.items()} | upload,
            "raw": {name: ended(job) for name, job in made.items()},
            "details": details(made["plain"]),
            "failure": refusal(made["unreadable"].get_results),
            "optimized": SimulatedAnnealing(workspace, restarts=4, **SWEEPS).optimize(problem("at once")),
            "unknown": unknown(),
            "http error": HttpResponseError.__name__,
        }
    )


if __name__ == "__main__":
    main()
