"""What several commands share: options, plans and training, the sides of a comparison."""
