"""Datasets in memory, their splits and their batch order."""
