"""Measurements of webhooks: `python -m tests.bench.hooks [GROUP ...] [--quick]`; daemon and receivers are processes."""
