"""Today's SDK with keys: what each may do, and a connection string in the environment."""

from azure.core.credentials import AzureKeyCredential
from azure.quantum import Workspace
from reporting import refusal, report, setting
from today import SWEEPS, packed, target

IDENTITY = {
    "subscription_id": "5c2f9e1a-0000-4000-8000-000000000000",
    "resource_group": "research",
    "name": "keys",
    "location": "eastus",
}
PLACE = {
    "subscription_id": IDENTITY["subscription_id"],
    "resource_group_name": IDENTITY["resource_group"],
    "workspace_name": IDENTITY["name"],
}


def workspace(key):
    return Workspace(**IDENTITY, credential=AzureKeyCredential(key), _quantum_endpoint=setting("ENDPOINT"))


def tried(name):
    """Return what is refused to the holder of a key."""
    here = workspace(setting(name))
    return {
        "list": refusal(here.list_jobs),
        "submit": refusal(target(here).submit, packed(), name=f"with {name}", input_params=SWEEPS),
        "cancel": refusal(here._get_jobs_client().cancel, **PLACE, job_id="c0ffee00-0000-4000-8000-000000000000"),
    }


def by_connection_string():
    """Connect by the variable of the environment, and solve."""
    here = Workspace(_quantum_endpoint=setting("ENDPOINT"))
    job = target(here).submit(packed(), name="by string", input_params=SWEEPS)
    return {
        "name": here.name,
        "cost": job.get_results(timeout_secs=90)["cost"],
        "delete": refusal(job.delete),
        "listed": [job.details.name for job in here.list_jobs()],
    }


def main():
    report(
        {
            "keys": {name: tried(name) for name in ("READ_KEY", "SUBMIT_KEY", "ADMIN_KEY", "REVOKED_KEY", "WRONG_KEY")},
            "string": by_connection_string(),
        }
    )


if __name__ == "__main__":
    main()
