"""Execution: stacks are sent to workers, and their results are written to the store."""
