import itertools

import pytest
import torch
from scipy import stats

from ablate.nn.dropout import BLOCK, StackedDropout, uniforms

SHAPE = (100, 64)


@pytest.fixture(scope="module")
def drawn():
    """Uniforms of 40 steps of one layer, (steps, elements)."""
    return uniforms(0, 0, range(40), SHAPE).flatten(1).double()


def test_uniforms_are_uniform(drawn):
    assert float(drawn.min()) >= 0
    assert float(drawn.max()) < 1
    assert stats.kstest(drawn.flatten().numpy(), "uniform").pvalue > 1e-3
    counts, _ = torch.histogram(drawn.flatten().float(), bins=256, range=(0.0, 1.0))
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_uniforms_of_neighbours_are_uncorrelated(drawn):
    limit = 4.5 / (drawn.numel() - drawn.shape[1]) ** 0.5
    for lag in (1, 2, 64, 100, 640):  # along the batch, across features
        pair = torch.stack([drawn[:, :-lag].flatten(), drawn[:, lag:].flatten()])
        assert abs(float(torch.corrcoef(pair)[0, 1])) < limit
    for lag in (1, 16):  # across steps
        pair = torch.stack([drawn[:-lag].flatten(), drawn[lag:].flatten()])
        assert abs(float(torch.corrcoef(pair)[0, 1])) < limit


def test_uniforms_differ_by_seed_layer_and_step_and_by_nothing_else():
    keys = list(itertools.product((0, 1, 2**32 - 1), (0, 1), (0, 1, 17)))
    draws = {key: uniforms(key[0], key[1], range(key[2], key[2] + 1), SHAPE) for key in keys}
    for one, other in itertools.combinations(keys, 2):
        assert float((draws[one] == draws[other]).float().mean()) < 0.001
    assert torch.equal(uniforms(0, 1, range(10, 20), SHAPE)[7], draws[0, 1, 17][0])


def _dropout(rates, seeds):
    return StackedDropout(rates, seeds, 0, SHAPE[0], torch.empty(0))


def _out(layer, y, step):
    layer.prepare(step, SHAPE[1])
    return layer.forward(y).clone()


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_dropped_are_a_share_p_and_kept_are_scaled_by_one_over_one_minus_p(rate):
    layer = _dropout([rate], [0])
    y = torch.full((1, *SHAPE), 3.0)
    out = _out(layer, y, 0)
    kept = out != 0
    share = float(kept.float().mean())
    assert abs(share - (1 - rate)) < 4.5 * (rate * (1 - rate) / kept.numel()) ** 0.5
    torch.testing.assert_close(out[kept], torch.full_like(out[kept], 3.0 / (1 - rate)))
    grad = torch.ones_like(y)
    torch.testing.assert_close(layer.backward(grad)[kept], torch.full_like(out[kept], 1 / (1 - rate)))


def test_runs_of_a_stack_have_rates_of_their_own():
    rates = (0.0, 0.9, 0.5)
    layer = _dropout(rates, [4] * 3)
    zeros = (_out(layer, torch.ones(3, *SHAPE), 0) == 0).float().mean((1, 2))
    assert zeros[0] == 0
    assert zeros[1:].tolist() == pytest.approx(rates[1:], abs=0.03)


def test_masks_of_one_seed_are_nested_and_change_from_step_to_step():
    layer = _dropout([0.2, 0.5], [0, 0])
    masks = [_out(layer, torch.ones(2, *SHAPE), step) != 0 for step in range(2 * BLOCK)]
    for mask in masks:
        assert bool((mask[0] | ~mask[1]).all())
    for one, other in itertools.pairwise(masks):
        assert float((one[1] == other[1]).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_a_run_has_the_same_mask_whatever_seeds_stand_beside_it():
    alone = _dropout([0.5], [8])
    beside = _dropout([0.5] * 3, [3, 8, 1])
    for step in (0, 5, BLOCK):
        assert torch.equal(
            _out(alone, torch.ones(1, *SHAPE), step)[0], _out(beside, torch.ones(3, *SHAPE), step)[1]
        )


def test_runs_in_the_order_of_the_masks_and_out_of_it_get_the_same_ones():
    rates, seeds = [0.0, 0.0, 0.5, 0.5], [1, 2, 1, 2]
    in_order = _dropout(rates * 2, seeds * 2)
    shuffled = _dropout(rates + rates[::-1], seeds + seeds[::-1])
    y = torch.ones(8, *SHAPE)
    expected = _out(in_order, y, 3)
    assert torch.equal(_out(shuffled, y, 3), torch.cat([expected[:4], expected[:4].flip(0)]))
    assert torch.equal(in_order.backward(torch.ones(8, *SHAPE)), expected)
    assert torch.equal(shuffled.backward(torch.ones(8, *SHAPE)), _out(shuffled, y, 3))
