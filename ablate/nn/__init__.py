"""Stacked layers, and the plain torch.nn network they must equal."""
