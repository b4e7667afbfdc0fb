"""Tests of the solvers for Ising and pubo cost functions."""
