"""Figures as pure functions from frames to matplotlib figures, without pyplot and its global state."""
