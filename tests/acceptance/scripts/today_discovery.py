"""Today's SDK over https: a token, and a workspace that is found by its resource id or its name."""

import time

from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.quantum import Workspace
from reporting import refusal, report, setting
from today import SWEEPS, packed, target

SUBSCRIPTION = "5c2f9e1a-0000-4000-8000-000000000000"
RESOURCE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/research/providers/Microsoft.Quantum/Workspaces/"


class Token:
    """A credential whose token never changes."""

    def get_token(self, *scopes, **options):
        return AccessToken(setting("TOKEN"), int(time.time()) + 3600)


def found(**identity):
    """Find a workspace, solve in it, and return where it was and what came out."""
    here = Workspace(credential=Token(), arm_endpoint=setting("ENDPOINT"), **identity)
    job = target(here).submit(packed(), name="discovered", input_params=SWEEPS)
    return {
        "name": here.name,
        "location": here.location,
        "subscription": here.subscription_id,
        "group": here.resource_group,
        "endpoint": here._connection_params.quantum_endpoint,
        "cost": job.get_results(timeout_secs=90)["cost"],
        "links": [job.details.output_data_uri, job.details.input_data_uri, job.details.container_uri],
        "targets": [one.name for one in here.get_targets()],
        "listed": [one.id for one in here.list_jobs(name_match="discovered")].count(job.id),
    }


def with_key():
    """Connect over https with a key."""
    here = Workspace(
        subscription_id=SUBSCRIPTION,
        resource_group="research",
        name=setting("WORKSPACE"),
        location="westeurope",
        credential=AzureKeyCredential("any"),
        _quantum_endpoint=setting("ENDPOINT"),
    )
    job = target(here).submit(packed(), name="with a key", input_params=SWEEPS)
    return job.get_results(timeout_secs=90)["cost"]


def main():
    name = setting("WORKSPACE")
    report(
        {
            "by id": found(resource_id=RESOURCE + name),
            "by name": found(name=name),
            "by name in a group": found(name=name, resource_group="research", subscription_id=SUBSCRIPTION),
            "with a key": with_key(),
            "unknown": refusal(found, name="no-such-workspace"),
        }
    )


if __name__ == "__main__":
    main()
