"""The solver suite against its peers: `python -m tests.bench.kernels [GROUP ...] [--quick] [--write]`."""
