"""What the tests of blob stores share."""

from datetime import UTC, datetime

import pytest


@pytest.fixture
def fixed_time():
    return datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
