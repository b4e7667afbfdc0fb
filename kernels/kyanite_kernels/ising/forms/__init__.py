"""Layouts of a problem and its lanes in which Metropolis sweeps run; `kinds` lists them."""
