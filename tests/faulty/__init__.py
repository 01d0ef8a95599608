"""Users' own functions with faults, one kind each: on import, at the first call, and in the middle of training."""
