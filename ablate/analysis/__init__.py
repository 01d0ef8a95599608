"""Pure functions from frames and arrays to findings."""
