"""Benchmarks: ablate against other ways to train the same runs, and the time of each variant's training step."""
