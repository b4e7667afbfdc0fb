"""Content that is stored before the jobs that share it."""

import pytest

from kyanite.errors import ReadOnly
from tests.runtime.places import in_memory


async def test_nothing_is_uploaded_to_what_is_open_for_reading_only():
    async with in_memory(read_only=True) as workspace:
        with pytest.raises(ReadOnly):
            await workspace.upload(b"x")
