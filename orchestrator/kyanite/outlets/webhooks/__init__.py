"""Events over HTTP, after Standard Webhooks 1.0.0."""

from kyanite.outlets.webhooks.signature import Unverified, verify

__all__ = ["Unverified", "verify"]
