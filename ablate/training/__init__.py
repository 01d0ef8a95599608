"""Training and evaluation of one stack on one device."""
