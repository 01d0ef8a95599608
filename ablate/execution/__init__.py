"""Execution of a plan: stacks are sent to worker processes, and their results are written to the results folder."""
