"""Datasets in memory: how they are read, split, standardized and put into batch order."""
