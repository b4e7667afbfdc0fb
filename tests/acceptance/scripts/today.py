"""A workspace of today's SDK, and a generic target with problems of QIO."""

import gzip
import json

from azure.core.credentials import AzureKeyCredential
from azure.quantum import Workspace
from azure.quantum.target import Target
from problems import SPINS, document
from reporting import setting

ANNEALING = "microsoft.simulatedannealing.cpu"
TABU = "microsoft.tabu.cpu"
SWEEPS = {"params": {"sweeps": 100, "restarts": 4, "seed": 7}}


def workspace(name="today", **options):
    """Return a workspace that is reached as the sheet of this SDK says: key and endpoint, nothing to discover."""
    return Workspace(
        subscription_id="5c2f9e1a-0000-4000-8000-000000000000",
        resource_group="research",
        name=name,
        location="eastus",
        credential=AzureKeyCredential(setting("API_KEY")),
        _quantum_endpoint=setting("ENDPOINT"),
        **options,
    )


def target(here, name=ANNEALING):
    """Return a generic target that speaks QIO."""
    return Target(
        here,
        name,
        provider_id="Microsoft",
        input_data_format="microsoft.qio.v2",
        output_data_format="microsoft.qio-results.v2",
        encoding="gzip",
    )


def packed(terms=SPINS, kind="ising"):
    """Return a problem as the retired SDK sent it."""
    return gzip.compress(json.dumps(document(kind, terms)).encode())


BAD = packed([("much", [1])])
