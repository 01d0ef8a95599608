"""ablate: benchmarks activation and regularization ablations, all runs of a grid trained together."""

__version__ = "0.1.0"
