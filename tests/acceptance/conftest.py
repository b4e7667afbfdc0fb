"""What the tests of this folder ask for by name."""

import pytest

from tests.acceptance.daemons import serving
from tests.sdk_environments import azure_quantum, qio_sdk

__all__ = ["azure_quantum", "daemon", "qio_sdk"]


@pytest.fixture(scope="session")
def daemon(tmp_path_factory):
    """A daemon that everybody may use who does not mind the jobs of others."""
    with serving(tmp_path_factory.mktemp("daemon")) as started:
        yield started
