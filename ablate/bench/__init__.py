"""Benchmarks: the engine against other ways to train, and the training step of each variant by itself."""
