"""Measurements of the daemon: `python -m tests.bench.http [GROUP ...] [--quick]`; clients and servers are processes."""
