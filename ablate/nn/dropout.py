"""Inverted dropout for a stack: every run with its own rate, all runs of a seed with the same uniforms.

In training a unit is kept where its uniform u >= p, and what is kept is scaled by 1/(1-p); at inference nothing happens
(Srivastava et al., 2014, in the inverted form). Because the uniforms depend on (seed, layer, step) alone, the
units a run with p = 0.2 drops are among those its twin with p = 0.5 drops.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ablate.experiment.seeding import derive
from ablate.nn.members import Member, distinct_seeds

# Steps whose uniforms are made in one go: enough to hide the cost of a call, few enough to stay in cache.
BLOCK = 16


def uniforms(
    seed: int, layer: int, steps: range, shape: tuple[int, int], device: torch.device | str = "cpu"
) -> Tensor:
    """Returns uniforms in [0, 1) of shape (len(steps), features, batch), float32: a pure function of its arguments.

    A counter-based generator: element counters are mixed with two keys a step by the finalizer of MurmurHash3
    (Appleby, 2011). It has no state, so any step can be computed alone, and integer arithmetic is the same everywhere.
    """
    keys = [derive(seed, "dropout", layer, step) for step in steps]
    halves = [[_int32(key) for key in keys], [_int32(key >> 31) for key in keys]]
    first, second = torch.tensor(halves, dtype=torch.int32).to(device).unsqueeze(2)
    counters = torch.arange(shape[0] * shape[1], dtype=torch.int32, device=device)
    h = _shift_xor(counters.mul(-1640531527) ^ first, 16)  # the golden ratio spreads neighbouring counters
    h = _shift_xor(h.mul_(-2048144789).add_(second), 13)
    h = _shift_xor(h.mul_(-1028477387), 16)
    return h.bitwise_right_shift_(8).bitwise_and_(0xFFFFFF).to(torch.float32).mul_(2**-24).view(-1, *shape)


def _shift_xor(h: Tensor, bits: int) -> Tensor:
    """Returns h ^ (h >> bits) in place, the shift filling with zeros as for unsigned integers."""
    shifted = (h >> bits).bitwise_and_((1 << (32 - bits)) - 1)
    return h.bitwise_xor_(shifted)


def _int32(key: int) -> int:
    low = key & 0xFFFFFFFF
    return low - (1 << 32) if low >= 1 << 31 else low


class StackedDropout:
    """Dropout after one hidden layer, on activations of shape (runs, features, batch). Training only.

    A mask is made for each rate with each seed of the stack, and serves every run that has both.

    Args:
        members: One a run.
        layer: Which hidden layer, from 0.
        like: Of the dtype and on the device to work in.
    """

    def __init__(self, members: Sequence[Member], layer: int, like: Tensor) -> None:
        rates = sorted({member.dropout[layer] for member in members})
        self.layer, self.seeds = layer, distinct_seeds(members)
        drop = torch.tensor(rates, dtype=torch.float64, device=like.device)[:, None, None, None]
        self.rates, self.scales = drop.to(like), (1 / (1 - drop)).to(like)
        places = [
            rates.index(member.dropout[layer]) * len(self.seeds) + self.seeds.index(member.seed)
            for member in members
        ]
        self.period = len(rates) * len(self.seeds)
        # Runs in the order of the masks, over and over, need no copy of a mask for each of them.
        self.is_periodic = places == list(range(self.period)) * (len(places) // self.period)
        self.places = torch.tensor(places, device=like.device)
        self.uniforms = self.masks = self.flat_masks = self.mask = like.new_empty(0)
        self.y = self.parts = self.out = self.out_parts = like.new_empty(0)
        self.block, self.block_start = like.new_empty(0), -1

    def prepare(self, step: int, shape: tuple[int, int]) -> None:
        """Lays ready the uniforms of a step for activations of (features, batch); what follows needs no host."""
        start = step - step % BLOCK
        if self.uniforms.shape[1:] != shape:
            self.uniforms = self.rates.new_empty((len(self.seeds), *shape))
            self.masks = self.rates.new_empty((len(self.rates), len(self.seeds), *shape))
            self.block_start = -1
        if start != self.block_start:
            steps, device = range(start, start + BLOCK), self.rates.device
            drawn = [uniforms(seed, self.layer, steps, shape, device) for seed in self.seeds]
            self.block, self.block_start = torch.stack(drawn, dim=1), start
        self.uniforms.copy_(self.block[step - start])

    def forward(self, y: Tensor) -> Tensor:
        """Returns y with dropped units at 0 and the others scaled; y itself stays, activations need it later."""
        torch.ge(self.uniforms, self.rates, out=self.masks).mul_(self.scales)
        if self.y is not y:
            self._make_views(y)
        if not self.is_periodic:
            torch.index_select(self.flat_masks, 0, self.places, out=self.mask)
        torch.mul(self.parts, self.mask, out=self.out_parts)
        return self.out

    def backward(self, grad: Tensor) -> Tensor:
        """Turns the gradient behind dropout into that before it, in place."""
        self._by_mask(grad).mul_(self.mask)
        return grad

    def _make_views(self, y: Tensor) -> None:
        """Makes what belongs to one place where activations are written: they are found there step by step."""
        if self.out.shape != y.shape:
            self.out = torch.empty_like(y)
        self.y, self.parts, self.out_parts = y, self._by_mask(y), self._by_mask(self.out)
        self.flat_masks = self.masks.flatten(0, 1)
        self.mask = self.flat_masks if self.is_periodic else torch.empty_like(y)

    def _by_mask(self, y: Tensor) -> Tensor:
        """Views the runs of y so that the masks broadcast over them."""
        return y.view(-1, self.period, *y.shape[1:]) if self.is_periodic else y
