"""What to run: the typed experiment, its grid of runs, their random streams and stacks."""
