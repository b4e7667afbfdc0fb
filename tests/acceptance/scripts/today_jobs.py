"""Today's SDK: jobs, from submit to result, and what can be done to one."""

import json
import urllib.request

from azure.core.exceptions import HttpResponseError
from azure.quantum import Job, Priority
from problems import ENDLESS, SPINS, document
from reporting import refusal, report, until
from today import ANNEALING, BAD, SWEEPS, TABU, packed, target, workspace

here = workspace()
annealing = target(here)
RUNNING_MAX = 2


def solved():
    """Submit a problem with everything that may go with it."""
    job = annealing.submit(
        packed(),
        name="solved",
        input_params=SWEEPS,
        metadata={"owner": "me", "sizes": [8, 4], "nested": {"a": None}},
        priority="High",
        tags=["ring", "first"],
    )
    results = job.get_results(timeout_secs=90)
    job.refresh()
    with urllib.request.urlopen(job.details.output_data_uri) as answer:
        output = json.loads(answer.read())
    return {
        "results": results,
        "output": output,
        "details": job.details.as_dict(),
        "item": job.item_type,
        "plain": annealing.submit(
            json.dumps(document("ising", SPINS)), encoding="", name="plain", input_params=SWEEPS
        ).get_results(timeout_secs=90),
        "by id": here.get_job(job.id).get_results(),
    }


def repeated():
    """Submit the same twice under one id, and then something else."""
    job = annealing.submit(packed(), name="twice", input_params=SWEEPS, submit_job=False)
    first, second = here.submit_job(job), here.submit_job(job)
    job.details.input_params = {"params": ENDLESS}
    return {"ids": [job.id, first.id, second.id], "other": refusal(here.submit_job, job)}


def submitted(name):
    """Submit a job that runs until it is cancelled."""
    return annealing.submit(packed(), name=name, input_params={"params": ENDLESS})


def amended():
    """Change name, priority and tags of a job that waits, and the name of one that has ended."""
    ahead = [submitted(f"ahead-{number}") for number in range(RUNNING_MAX)]
    job = submitted("before")
    seen = [job.update(name="after").details.as_dict()]
    seen.append(job.update(priority=Priority.HIGH).details.as_dict())
    seen.append(job.update(tags=["a", "b"]).details.as_dict())
    seen.append(here.update_job(job, name="last", priority="Standard", tags=[]).details.as_dict())
    unknown = refusal(here.update_job, job, priority="Highest")
    for one in (job, *ahead):
        here.cancel_job(one)
        one.wait_until_completed(timeout_secs=90)
    return {
        "seen": [[one["status"], one["name"], one.get("priority"), one.get("tags")] for one in seen],
        "unknown": unknown,
        "final": here.update_job(job, name="renamed at the end").details.name,
    }


def cancelled():
    """Cancel a job that executes."""
    job = submitted("endless")
    until(lambda: job.refresh() or job.details.status == "Executing", "it executes")
    answer = here.cancel_job(job)
    until(lambda: job.refresh() or job.has_completed(), "it is cancelled")
    return {
        "answer": answer.details.status,
        "status": job.details.status,
        "again": here.cancel_job(job).details.status,
        "results": refusal(job.get_results),
    }


def deleted():
    """Delete a job that has ended, and one that runs."""
    ended = annealing.submit(packed(), name="deleted", input_params=SWEEPS)
    ended.wait_until_completed(timeout_secs=90)
    ended.delete()
    running = submitted("deleted")
    until(lambda: running.refresh() or running.details.status == "Executing", "it executes")
    refused = refusal(running.delete)
    if refused is not None:
        here.cancel_job(running)
        running.wait_until_completed(timeout_secs=90)
        running.delete()
    return {
        "get": refusal(here.get_job, ended.id),
        "running": refused,
        "left": [job.id for job in here.list_jobs(name_match="deleted")],
        "again": refusal(ended.delete),
    }


def failed():
    """See a job fail."""
    job = annealing.submit(BAD, name="failed", input_params=SWEEPS)
    return {
        "results": refusal(job.get_results, timeout_secs=90),
        "status": job.details.status,
        "error": job.details.error_data.as_dict(),
    }


def attached():
    """Attach files to a job, and list them."""
    job = annealing.submit(packed(), name="attached", input_params=SWEEPS)
    job.wait_until_completed(timeout_secs=90)
    before = sorted(blob.name for blob in job.list_attachments())
    url = job.upload_attachment("notes.txt", b"what I thought")
    job.upload_attachment("figures/one.txt", b"\x00\xff")
    blobs = {blob.name: [blob.size, blob.content_settings.content_type] for blob in job.list_attachments()}
    return {
        "url": url,
        "before": before,
        "blobs": blobs,
        "content": job.download_attachment("notes.txt").decode(),
        "bytes": list(job.download_attachment("figures/one.txt")),
        "properties": job.download_blob_properties(job.details.output_data_uri).size,
        "again": refusal(job.upload_attachment, "notes.txt", b"better"),
        "as output": refusal(job.upload_attachment, "outputData", b"{}"),
        "as input": refusal(job.upload_attachment, "inputData", b"{}"),
    }


def refused():
    """See what is refused."""
    unknown = target(here, "contoso.annealer")
    elsewhere = Job.from_storage_uri(
        here,
        "elsewhere",
        ANNEALING,
        "http://127.0.0.1:9/container/container/inputData",
        "Microsoft",
        "microsoft.qio.v2",
        "microsoft.qio-results.v2",
        submit_job=False,
    )
    return {
        "target": refusal(unknown.submit, packed(), name="unknown"),
        "provider": refusal(target_of_ionq().submit, packed(), name="of another"),
        "input": refusal(elsewhere.submit),
        "job": refusal(here.get_job, "c0ffee00-0000-4000-8000-000000000000"),
        "http error": HttpResponseError.__name__,
    }


def target_of_ionq():
    other = target(here)
    other.provider_id = "ionq"
    return other


def offered():
    """Look at targets and quotas."""
    statuses = {status.id: [provider, status.as_dict()] for provider, status in here._get_target_status()}
    named = here.get_targets(name=TABU)
    named.refresh()
    return {
        "statuses": statuses,
        "targets": [one.name for one in here.get_targets(provider_id="microsoft")],
        "named": [named.name, named.provider_id, named.current_availability, named.average_queue_time],
        "quotas": here.get_quotas(),
    }


def main():
    report(
        {
            "offered": offered(),
            "solved": solved(),
            "repeated": repeated(),
            "amended": amended(),
            "cancelled": cancelled(),
            "deleted": deleted(),
            "failed": failed(),
            "attached": attached(),
            "refused": refused(),
        }
    )


if __name__ == "__main__":
    main()
