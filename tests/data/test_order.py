import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ablate.data.order import epoch_order
from ablate.experiment.seeding import derive


@given(st.integers(0, 2**63 - 1), st.integers(0, 10_000), st.integers(1, 200))
def test_an_order_is_a_permutation(seed, epoch, samples):
    order = epoch_order(seed, epoch, samples)
    assert order.dtype == torch.int64
    assert torch.equal(order.sort().values, torch.arange(samples))


def test_an_order_depends_on_seed_and_epoch_and_on_nothing_else():
    order = epoch_order(1, 2, 500)
    torch.rand(7)
    assert torch.equal(order, epoch_order(1, 2, 500))
    assert not torch.equal(order, epoch_order(1, 3, 500))
    assert not torch.equal(order, epoch_order(2, 2, 500))


def test_an_order_is_drawn_from_the_stream_of_its_seed_and_epoch():
    generator = torch.Generator().manual_seed(derive(5, "order", 3))
    assert torch.equal(epoch_order(5, 3, 40), torch.randperm(40, generator=generator))


def test_the_global_generator_is_neither_read_nor_moved():
    before = torch.get_rng_state()
    first = epoch_order(0, 0, 100)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(epoch_order(0, 0, 100), first)


@pytest.mark.parametrize("samples", [3, 4])
def test_every_permutation_is_about_equally_frequent(samples):
    counts: dict[tuple[int, ...], int] = {}
    draws, permutations = 2400, {3: 6, 4: 24}[samples]
    for epoch in range(draws):
        key = tuple(epoch_order(0, epoch, samples).tolist())
        counts[key] = counts.get(key, 0) + 1
    expected = draws / permutations
    chi2 = sum((count - expected) ** 2 / expected for count in counts.values())
    assert len(counts) == permutations
    assert chi2 < {3: 20.5, 4: 49.7}[samples]  # 99.9 % points of chi-squared with 5 and 23 degrees of freedom
