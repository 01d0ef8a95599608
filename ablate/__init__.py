"""ablate benchmarks activation functions and regularization methods; all runs of a grid are trained together."""

__version__ = "0.1.0"
