"""Stacks handed to workers, results handed to the store."""
