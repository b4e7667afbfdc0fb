"""Kernels are compiled once, before the first test, and never after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kyanite_kernels

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give time to tests that compile: parts that are called from here are cached only after their first call."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session", autouse=True)
def warm_kernels() -> Iterator[None]:
    kyanite_kernels.warm()
    from kyanite_kernels.jit import ENTRY_POINTS

    compiled = [len(dispatcher.signatures) for dispatcher in ENTRY_POINTS]
    yield
    # Whatever the tests called: nothing was compiled after warming.
    assert [len(dispatcher.signatures) for dispatcher in ENTRY_POINTS] == compiled
    assert 0 not in compiled
