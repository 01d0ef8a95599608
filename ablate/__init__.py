"""ablate: benchmarks activation and regularization ablations, all runs of a grid trained together."""

from importlib.metadata import version

__version__ = version("ablate")
