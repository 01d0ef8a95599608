"""The typed experiment, its grid of runs, their random streams and their stacks."""
