"""Stacked convolutional networks, made of layers that compute one run each, on tensors with the channels last."""
