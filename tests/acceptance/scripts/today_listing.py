"""Today's SDK: every filter, order and page of its lists, and sessions."""

from datetime import UTC, datetime, timedelta

from azure.quantum import JobStatus
from reporting import refusal, report, until
from today import ANNEALING, BAD, SWEEPS, TABU, packed, target, workspace

here = workspace("listing")
annealing, tabu = target(here), target(here, TABU)
TABU_PARAMS = {"params": {"sweeps": 100, "seed": 7}}
MANY = 7


def submitted():
    """Submit jobs of two targets, and one that fails."""
    jobs = [annealing.submit(packed(), name=f"list-{number}", input_params=SWEEPS) for number in range(MANY - 2)]
    jobs.append(tabu.submit(packed(), name="list-tabu", input_params=TABU_PARAMS))
    jobs.append(annealing.submit(BAD, name="list-bad", input_params=SWEEPS))
    for job in jobs:
        job.wait_until_completed(timeout_secs=90)
    return [job.id for job in jobs]


def names(**filters):
    return [job.details.name for job in here.list_jobs(**filters)]


def filtered():
    """Ask with every filter, alone and together."""
    today = datetime.now(UTC)
    before, after = today - timedelta(days=1), today + timedelta(days=1)
    return {
        "all": names(),
        "name": names(name_match="list-"),
        "no name": names(name_match="ist-"),
        "type": names(job_type=["Optimization"], name_match="list-"),
        "no type": names(job_type=["QuantumComputing"]),
        "provider": names(provider=["Microsoft"], name_match="list-"),
        "providers": names(provider=["ionq", "microsoft"], name_match="list-"),
        "no provider": names(provider=["ionq"]),
        "target": names(target=[TABU]),
        "targets": names(target=[TABU, ANNEALING], name_match="list-"),
        "status": names(status=["Failed"], name_match="list-"),
        "statuses": names(status=["Failed", "Succeeded"], name_match="list-"),
        "enum": names(status=[JobStatus.SUCCEEDED], name_match="list-"),
        "no status": names(status=[JobStatus.WAITING]),
        "after": names(created_after=before, name_match="list-"),
        "not after": names(created_after=after),
        "before": names(created_before=after, name_match="list-"),
        "not before": names(created_before=before),
        "between": names(created_after=before, created_before=after),
        "every": names(
            name_match="list-",
            job_type=["Optimization"],
            provider=["Microsoft"],
            target=[TABU],
            status=["Succeeded"],
            created_after=before,
            created_before=after,
            orderby_property="Name",
        ),
        "quoted": refusal(names, name_match="it's"),
    }


def ordered():
    """Ask in every order, both ways."""
    found = {}
    for name in ("Name", "ItemType", "JobType", "ProviderId", "Target", "State", "CreationTime"):
        for is_asc in (True, False):
            jobs = here.list_jobs(name_match="list-", orderby_property=name, is_asc=is_asc)
            found[f"{name} {'asc' if is_asc else 'desc'}"] = [
                [job.details.name, job.details.target, job.details.status, job.details.creation_time] for job in jobs
            ]
    return found


def paged():
    """Ask page by page, from the start and from further on."""
    pages = here.list_jobs_paginated(name_match="list-", top=3).by_page()
    by_name = here.list_jobs_paginated(name_match="list-", top=2, orderby_property="Name", is_asc=False)
    return {
        "pages": [[job.name for job in page] for page in pages],
        "ordered": [job.name for job in by_name],
        "skipped": [job.name for job in here.list_jobs_paginated(name_match="list-", top=3, skip=2)],
    }


def sessions():
    """Open sessions, submit into them, close them."""
    with annealing.open_session(name="first session", tags=["ring"], priority="High") as first:
        jobs = [annealing.submit(packed(), name=f"in-{number}", input_params=SWEEPS) for number in range(4)]
        for job in jobs:
            job.wait_until_completed(timeout_secs=90)
        while_open = first.refresh().details.status
    annealing.latest_session = None
    late = target(here)
    late.latest_session = first
    aborted = tabu.open_session(name="aborted")
    bad = tabu.submit(BAD, name="in-bad", input_params=TABU_PARAMS)
    bad.wait_until_completed(timeout_secs=90)
    refused = refusal(tabu.submit, packed(), name="in-late", input_params=TABU_PARAMS)
    until(lambda: aborted.refresh().is_in_terminal_state(), "the session has failed")
    aborted_status = aborted.details.status
    aborted.close()
    with tabu.open_session(name="goes on", job_failure_policy="Continue") as third:
        tabu.submit(BAD, name="in-bad-2", input_params=TABU_PARAMS).wait_until_completed(timeout_secs=90)
        tabu.submit(packed(), name="in-good", input_params=TABU_PARAMS).wait_until_completed(timeout_secs=90)
    again = here.get_session(first.id)
    third.refresh()
    return {
        "opened": first.details.as_dict(),
        "while open": while_open,
        "late": refusal(late.submit, packed(), name="too late", input_params=SWEEPS),
        "jobs": [job.details.name for job in first.list_jobs()],
        "matched": [job.details.name for job in here.list_session_jobs(first.id, name_match="in-1")],
        "succeeded": [job.details.name for job in here.list_session_jobs(first.id, status=["Succeeded"])],
        "backwards": [
            job.details.name for job in here.list_session_jobs(first.id, orderby_property="CreationTime", is_asc=False)
        ],
        "pages": [
            [job.name for job in page]
            for page in here.list_session_jobs_paginated(session_id=first.id, top=3).by_page()
        ],
        "session of a job": [job.details.session_id for job in first.list_jobs()] == [first.id] * 4,
        "again": again.details.as_dict(),
        "aborted": [aborted_status, refused],
        "aborted jobs": [job.details.name for job in aborted.list_jobs()],
        "continued": [third.details.status, [job.details.name for job in third.list_jobs()]],
        "reopened": repeat_open(first),
        "unknown": refusal(here.get_session, "c0ffee00-0000-4000-8000-000000000000"),
    }


def repeat_open(session):
    """Open a session that exists, as a retried request does."""
    return refusal(here.open_session, session)


def top_level():
    """List jobs outside of sessions, and sessions."""

    def shown(**filters):
        return [[item.item_type, item.details.name] for item in here.list_top_level_items(**filters)]

    return {
        "all": shown(),
        "jobs": shown(item_type=["Job"]),
        "sessions": shown(item_type=["Session"]),
        "both": shown(item_type=["Job", "Session"], orderby_property="Name"),
        "named": shown(name_match="first"),
        "target": shown(target=[TABU]),
        "pages": [[item.name for item in page] for page in here.list_top_level_items_paginated(top=4).by_page()],
        "list": [session.details.name for session in here.list_sessions()],
        "of a target": [session.details.name for session in here.list_sessions(target=[ANNEALING])],
        "descending": [
            session.details.name for session in here.list_sessions(orderby_property="CreationTime", is_asc=False)
        ],
        "session pages": [[session.name for session in page] for page in here.list_sessions_paginated(top=2).by_page()],
    }


def main():
    report(
        {
            "submitted": submitted(),
            "filtered": filtered(),
            "ordered": ordered(),
            "paged": paged(),
            "sessions": sessions(),
            "top level": top_level(),
        }
    )


if __name__ == "__main__":
    main()
