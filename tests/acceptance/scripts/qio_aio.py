"""The retired SDK's asynchronous face: solvers, problems, jobs and targets. Only the environment is ours."""

import asyncio
import gzip
import time

from azure.core.exceptions import HttpResponseError
from azure.quantum._client.models import JobStatus
from azure.quantum.aio import Job, Workspace
from azure.quantum.aio.optimization import (
    OnlineProblem,
    ParallelTempering,
    PopulationAnnealing,
    Problem,
    ProblemType,
    QuantumMonteCarlo,
    SimulatedAnnealing,
    StreamingProblem,
    SubstochasticMonteCarlo,
    Tabu,
)
from azure.quantum.aio.target.oneqbit import PathRelinkingSolver
from azure.quantum.aio.target.toshiba import SimulatedBifurcationMachine
from azure.quantum.job.base_job import ContentType
from azure.quantum.optimization import RangeSchedule, Term
from problems import BITS, ENDLESS, SPINS, SQUARE, fields
from reporting import PATIENCE_S, awaited_refusal, report

SWEEPS = {"sweeps": 100, "seed": 7}
LINEAR = RangeSchedule("linear", 0.1, 5)

workspace = Workspace(
    subscription_id="5c2f9e1a-0000-4000-8000-000000000000",
    resource_group="research",
    name="async",
    location="westeurope",
    credential="",
)


def problem(name, terms=SPINS, kind=ProblemType.ising, **options):
    return Problem(name, [Term(c=weight, indices=list(ids)) for weight, ids in terms], problem_type=kind, **options)


def solvers():
    return {
        "annealing": SimulatedAnnealing(workspace, restarts=4, **SWEEPS),
        "annealing without parameters": SimulatedAnnealing(workspace, timeout=1, seed=7),
        "tempering": ParallelTempering(workspace, replicas=8, **SWEEPS),
        "tabu": Tabu(workspace, tabu_tenure=3, restarts=8, **SWEEPS),
        "quantum": QuantumMonteCarlo(workspace, trotter_number=8, restarts=8, beta_start=2.0, **SWEEPS),
        "population": PopulationAnnealing(workspace, population=64, beta=LINEAR, **SWEEPS),
        "substochastic": SubstochasticMonteCarlo(workspace, step_limit=2000, target_population=64, seed=7),
        "toshiba": SimulatedBifurcationMachine(workspace, steps=1000, loops=4, timeout=2),
    }


async def streamed():
    """Upload a problem in several blocks, and read it back."""
    stream = StreamingProblem(workspace, name="streamed", metadata={"origin": "many"})
    stream.upload_size_threshold = 64
    terms = [Term(c=weight, indices=ids) for weight, ids in fields(400)]
    for start in range(0, len(terms), 100):
        await stream.add_terms(terms[start : start + 100])
    url = await stream.upload(workspace)
    back = await stream.download()
    return await Tabu(workspace, timeout=1, seed=7).submit(url), len(back.terms)


async def shaped():
    """Submit each shape a problem can have, and the same problem by its URL."""
    annealing = SimulatedAnnealing(workspace, restarts=4, **SWEEPS)
    grouped = problem("grouped", BITS, ProblemType.pubo)
    grouped.add_slc_term(SQUARE[1], c=SQUARE[0])
    uploaded = problem("uploaded")
    url = await uploaded.upload(workspace, blob_name=None)
    back = await uploaded.download(workspace)
    stream, terms = await streamed()
    jobs = {
        "protobuf": await annealing.submit(problem("protobuf", fields(1000), content_type=ContentType.protobuf)),
        "grouped": await annealing.submit(grouped),
        "started": await annealing.submit(problem("started", init_config={"0": 1, "3": -1})),
        "url": await annealing.submit(url),
        "online": await annealing.submit(OnlineProblem("online", url)),
        "streamed": stream,
    }
    return jobs, {"terms": [len(back.terms), terms]}


async def ended(job):
    await job.wait_until_completed(timeout_secs=90)
    found = await job.get_results() if job.details.status == "Succeeded" else None
    return {"target": job.details.target, "status": job.details.status, "results": found}


async def until(job, condition):
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition(job):
        if time.monotonic() > deadline_s:
            raise TimeoutError(job.details.status)
        await asyncio.sleep(0.05)
        await job.refresh()


async def cancelled():
    """Cancel jobs that execute or wait."""
    solver = SimulatedAnnealing(workspace, **ENDLESS)
    jobs = [await solver.submit(problem(f"endless-{number}")) for number in range(2)]
    await until(jobs[0], lambda job: job.details.status == "Executing")
    for job in jobs:
        await workspace.cancel_job(job)
    for job in jobs:
        await until(job, Job.has_completed)
    return {
        "statuses": [job.details.status for job in jobs],
        "results": await awaited_refusal(jobs[0].get_results()),
    }


async def failed():
    job = await Job.from_input_data(
        workspace,
        "unreadable",
        target="microsoft.simulatedannealing.cpu",
        provider_id="Microsoft",
        input_data=gzip.compress(b"{"),
        content_type="application/json",
        input_data_format="microsoft.qio.v2",
        output_data_format="microsoft.qio-results.v2",
    )
    refused = await awaited_refusal(job.get_results())
    return {"status": job.details.status, "results": refused, "error": job.details.error_data.as_dict()}


async def attached(job):
    await job.upload_attachment("notes.txt", b"what I thought")
    return (await job.download_attachment("notes.txt")).decode()


async def listed(first):
    """Ask for targets, quotas and jobs."""
    every = await workspace._get_target_status(None, None)
    target = await workspace.get_targets(name="microsoft.tabu.cpu")
    await target.refresh()
    return {
        "targets": [status.id for _, status in every],
        "target": [target.name, target.current_availability, target.average_queue_time],
        "quotas": await workspace.get_quotas(),
        "succeeded": [
            job.id for job in await workspace.list_jobs(name_match="^async annealing", status=JobStatus.SUCCEEDED)
        ],
        "job": [first.id, (await workspace.get_job(first.id)).details.name],
    }


async def main():
    jobs = {name: await solver.submit(problem(f"async {name}")) for name, solver in solvers().items()}
    shapes, download = await shaped()
    report(
        {
            "solvers": {name: await ended(job) for name, job in jobs.items()},
            "shapes": {name: await ended(job) for name, job in shapes.items()},
            "download": download,
            "optimized": await SimulatedAnnealing(workspace, **SWEEPS).optimize(problem("at once")),
            "listed": await listed(jobs["annealing"]),
            "failed": await failed(),
            "attached": await attached(jobs["annealing"]),
            "cancelled": await cancelled(),
            "unknown job": await awaited_refusal(workspace.get_job("c0ffee00-0000-4000-8000-000000000000")),
            "unknown target": await awaited_refusal(PathRelinkingSolver(workspace, seed=7).submit(problem("else"))),
            "submitted": {name: job.id for name, job in jobs.items()},
            "http error": HttpResponseError.__name__,
        }
    )


if __name__ == "__main__":
    asyncio.run(main())
