"""The gate: a comparison of a candidate's results with a baseline's results, for continuous integration."""
