raise ValueError("no such value")
