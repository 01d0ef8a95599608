"""Layers that train many networks at once, and the plain torch.nn networks that must give the same results."""
