"""Stacked convolutional networks: layers of one run each, with the channels last."""
