"""The gate: a candidate's results compared with those of a baseline, for continuous integration."""
