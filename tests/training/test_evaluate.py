"""Accuracy counts the first of equal logits, whatever the companions of a run do."""

import math

import torch

from ablate.training.evaluate import _correct


def test_hits_are_those_of_argmax_with_ties_and_nan_in_the_same_stack():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(12, 10, 4, generator=generator)
    logits[0] = 0.0  # ten equals, which argmax gives to the first
    logits[1:10, :, 0] = math.nan  # as many missing as the ties are too many
    labels = torch.tensor([0, 3, 0, 7])
    index = labels.expand(12, 1, -1)
    expected = (logits.argmax(1) == labels).sum(1)
    assert expected[0] == 2
    assert torch.equal(_correct(logits, index), expected)
    for run in range(12):
        assert torch.equal(_correct(logits[run : run + 1], index[:1]), expected[run : run + 1])
