"""Standard streams that never stop the work, and text whose control characters are visible."""
