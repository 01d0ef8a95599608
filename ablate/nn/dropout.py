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


def uniforms(seed: int, layer: int, steps: range, shape: tuple[int, int]) -> Tensor:
    """Returns uniforms in [0, 1) of shape (len(steps), features, batch), float32: a pure function of its arguments.

    A counter-based generator: element counters are mixed with two keys a step by the finalizer of MurmurHash3
    (Appleby, 2011). It has no state, so any step can be computed alone, and integer arithmetic is the same everywhere.
    """
    keys = [derive(seed, "dropout", layer, step) for step in steps]
    first = torch.tensor([_int32(key) for key in keys], dtype=torch.int32).unsqueeze(1)
    second = torch.tensor([_int32(key >> 31) for key in keys], dtype=torch.int32).unsqueeze(1)
    counters = torch.arange(shape[0] * shape[1], dtype=torch.int32)
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
    """Dropout after one hidden layer, on activations of shape (runs, features, batch). Training only."""

    def __init__(self, members: Sequence[Member], layer: int, like: Tensor) -> None:
        rates = torch.tensor([member.dropout[layer] for member in members], dtype=torch.float64)
        seeds = distinct_seeds(members)
        self.layer = layer
        self.seeds = seeds
        self.rates = rates.to(like)[:, None, None]
        self.scales = (1 / (1 - rates)).to(like)[:, None, None]
        self.place = torch.tensor([seeds.index(member.seed) for member in members])
        self.mask = self.out = torch.empty(0)
        self.block = torch.empty(0)
        self.block_start = -1

    def forward(self, y: Tensor, step: int) -> Tensor:
        """Returns y with dropped units at 0 and the others scaled; y itself stays, activations need it later."""
        drawn = self._uniforms(step, (y.shape[1], y.shape[2])).to(y.dtype)
        if self.mask.shape != y.shape:
            self.mask, self.out = torch.empty_like(y), torch.empty_like(y)
        torch.ge(drawn if len(self.seeds) == 1 else drawn[self.place], self.rates, out=self.mask)
        return torch.mul(y, self.mask.mul_(self.scales), out=self.out)

    def backward(self, grad: Tensor) -> Tensor:
        """Returns the gradient before dropout, in place."""
        return grad.mul_(self.mask)

    def _uniforms(self, step: int, shape: tuple[int, int]) -> Tensor:
        """Returns the uniforms of one step, shape (seeds, features, batch)."""
        start = step - step % BLOCK
        if start != self.block_start:
            steps = range(start, start + BLOCK)
            self.block = torch.stack([uniforms(seed, self.layer, steps, shape) for seed in self.seeds], dim=1)
            self.block_start = start
        return self.block[step - start]
