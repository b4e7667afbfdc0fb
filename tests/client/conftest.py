"""Clients in these tests do not wait long before they try again."""

import pytest

from kyanite.client import retries
from tests.client.fake import QUICKLY


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(retries, "PAUSES", QUICKLY)
