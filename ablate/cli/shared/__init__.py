"""Code shared by several commands: options, plans, training, and reading of the two sides of a comparison."""
