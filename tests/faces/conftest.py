"""Every test here is about both: a workspace that is open in this process, and one that a daemon has open."""

import pytest

from kyanite.core.backoff import Backoff
from kyanite.ports import Manner
from kyanite.runtime import delivery, listening
from tests.faces.places import connected, embedded


@pytest.fixture(params=[embedded, connected], ids=lambda face: face.__name__)
def face(request):
    """Return what opens a workspace on some ground."""
    return request.param


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(delivery, "RETRY", Backoff(first_s=0.0001, most_s=0.001))
    monkeypatch.setattr(listening, "IN_ORDER", Manner(delays_s=(0.001,) * 9))
