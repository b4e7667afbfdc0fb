"""The retired SDK: jobs and targets of a workspace. Only the environment is ours."""

import gzip
import json
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import HttpResponseError
from azure.quantum import Job, Workspace
from azure.quantum._client.models import JobStatus
from azure.quantum.optimization import Problem, ProblemType, SimulatedAnnealing, Term
from problems import ENDLESS, SPINS, document
from reporting import refusal, report, until

MANY = 110  # more than a page
NOBODY = "c0ffee00-0000-4000-8000-000000000000"

workspace = Workspace(
    resource_id="/subscriptions/5c2f9e1a-0000-4000-8000-000000000000/resourceGroups/research"
    "/providers/Microsoft.Quantum/Workspaces/jobs",
    location="westeurope",
    credential=False,
    user_agent="acceptance",
)


def problem(name, **options):
    terms = [Term(c=weight, indices=ids) for weight, ids in SPINS]
    return Problem(name, terms, problem_type=ProblemType.ising, **options)


def endless(count):
    """Submit jobs that run until they are cancelled, more than can run at once."""
    solver = SimulatedAnnealing(workspace, **ENDLESS)
    return [solver.submit(problem(f"endless-{number}")) for number in range(count)]


def cancelled():
    """Cancel a job that executes, one that waits, and the rest in a loop over the list."""
    jobs = endless(4)
    first, last = jobs[0], jobs[-1]
    until(lambda: first.refresh() or first.details.status == "Executing", "a job executes")
    last.refresh()
    before = last.details.status
    answer = workspace.cancel_job(last)
    until(lambda: last.refresh() or last.has_completed(), "what waits is cancelled")
    argument = first.details.status
    workspace.cancel_job(first)
    unchanged = first.details.status
    until(lambda: first.refresh() or first.has_completed(), "what executes is cancelled")
    for listed in workspace.list_jobs(name_match="^endless-"):
        job = workspace.get_job(listed.id)
        if not job.has_completed():
            workspace.cancel_job(job)
    for job in jobs:
        until(lambda job=job: job.refresh() or job.has_completed(), "the loop has cancelled it")
    return {
        "before": before,
        "answer": answer.details.status,
        "argument": [argument, unchanged],
        "statuses": [job.details.status for job in jobs],
        "cancelled": first.details.cancellation_time is not None and first.details.end_execution_time is not None,
        "results": refusal(first.get_results),
        "again": refusal(workspace.cancel_job, first),
    }


def listed():
    """Ask for jobs by name, status and date."""
    solver = SimulatedAnnealing(workspace, sweeps=100, seed=7)
    jobs = [solver.submit(problem(f"listed-{number}")) for number in range(4)]
    jobs.append(bad := solver.submit(problem("listed-bad", init_config={"0": 5})))
    for job in jobs:
        job.wait_until_completed(timeout_secs=90)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return {
        "submitted": [job.id for job in jobs],
        "bad": bad.id,
        "named": [job.id for job in workspace.list_jobs(name_match="^listed-")],
        "succeeded": [job.id for job in workspace.list_jobs(name_match="listed", status=JobStatus.SUCCEEDED)],
        "failed": [job.id for job in workspace.list_jobs(status=JobStatus.FAILED)],
        "recent": [job.id for job in workspace.list_jobs(name_match="^listed-", created_after=yesterday)],
        "future": [job.id for job in workspace.list_jobs(created_after=tomorrow)],
        "printed": [f"{job.details.name} {job.details.output_data_uri}" for job in workspace.list_jobs()],
    }


def paged():
    """List more jobs than fit on a page."""
    first = SimulatedAnnealing(workspace, sweeps=100, seed=7).submit(problem("many"))
    asked = {
        "name": "many",
        "target": first.details.target,
        "provider_id": "Microsoft",
        "input_data_uri": first.details.input_data_uri,
        "input_data_format": first.details.input_data_format,
        "output_data_format": first.details.output_data_format,
        "container_uri": first.details.container_uri,
        "input_params": first.details.input_params,
    }
    jobs = [first, *(Job.from_storage_uri(workspace, **asked) for _ in range(MANY - 1))]
    found = [job.id for job in workspace.list_jobs(name_match="^many$")]
    for job in jobs:
        job.wait_until_completed(timeout_secs=90)
    return {
        "same": sorted(found) == sorted(job.id for job in jobs),
        "count": len(found),
        "costs": sorted({job.get_results()["cost"] for job in (jobs[0], jobs[-1])}),
    }


def repeated():
    """Submit the same twice under one id, and then something else."""
    options = {
        "provider_id": "Microsoft",
        "target": "microsoft.simulatedannealing.cpu",
        "input_data_format": "microsoft.qio.v2",
        "output_data_format": "microsoft.qio-results.v2",
        "input_params": {"params": {"sweeps": 100, "seed": 7}},
    }
    body = gzip.compress(json.dumps(document("ising", SPINS)).encode())
    job = Job.from_input_data(workspace, "twice", input_data=body, submit_job=False, encoding="gzip", **options)
    first = workspace.submit_job(job)
    second = workspace.submit_job(job)
    job.details.input_params = {"params": {"sweeps": 7}}
    other = refusal(workspace.submit_job, job)
    second.wait_until_completed(timeout_secs=90)
    return {"ids": [job.id, first.id, second.id], "other": other, "status": second.details.status}


def attached():
    """Attach a file to a job."""
    job = SimulatedAnnealing(workspace, sweeps=100, seed=7).submit(problem("attached"))
    url = job.upload_attachment("notes.txt", b"what I thought")
    return {
        "url": url,
        "content": job.download_attachment("notes.txt").decode(),
        "again": refusal(job.upload_attachment, "notes.txt", b"better"),
        "as output": refusal(job.upload_attachment, "rawOutputData", b"{}"),
        "missing": refusal(job.download_attachment, "nothing"),
    }


def targets():
    """Look at the targets, all of them and each by its name."""
    names = [target.name for target in workspace.get_targets()]
    every = [status.id for _, status in workspace._get_target_status(None, None)]
    found = {}
    for name in every:
        target = workspace.get_targets(name=name)
        target.refresh()
        found[name] = [target.name, target.provider_id, target.current_availability, target.average_queue_time]
    return {"names": names, "every": every, "found": found}


def main():
    report(
        {
            "targets": targets(),
            "quotas": workspace.get_quotas(),
            "listed": listed(),
            "paged": paged(),
            "repeated": repeated(),
            "attached": attached(),
            "cancelled": cancelled(),
            "unknown": [refusal(call, NOBODY) for call in (workspace.get_job, workspace._client.jobs.cancel)],
            "agent": workspace.user_agent,
            "http error": HttpResponseError.__name__,
        }
    )


if __name__ == "__main__":
    main()
