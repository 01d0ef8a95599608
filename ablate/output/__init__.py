"""Standard streams whose failures never stop a command, and text with visible control characters."""
