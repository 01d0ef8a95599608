"""Datasets as tensors in memory, their splits and batch order."""
