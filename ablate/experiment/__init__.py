"""The experiment: its settings, its grid of runs, the random streams of a run, and stacks of runs trained together."""
