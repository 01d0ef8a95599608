"""Times the engine against its rivals on this machine, and the step of each variant alone."""
