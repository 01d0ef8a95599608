"""Code shared by several commands: options, plans, training and reading the two sides of a comparison."""
