"""Measurements: `python -m tests.bench [NAME ...] [--quick]`. Figures with their floors, never tests with a clock."""
