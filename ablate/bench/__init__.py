"""The engine against its rivals on this machine, and what a step of each variant costs."""
