"""The storage client of the SDKs, in an environment of its own."""

from tests.sdk_environments import qio_sdk

__all__ = ["qio_sdk"]
