"""What the tests of this folder ask for by name."""

from tests.sdk_environments import qio_sdk

__all__ = ["qio_sdk"]
