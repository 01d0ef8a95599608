"""The gate: a comparison of a candidate's results with those of a baseline, for continuous integration."""
