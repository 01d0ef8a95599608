"""Inverted dropout for a stack. Each run has its own rate; all runs of a seed use the same random numbers (uniforms).

Training keeps a unit if its uniform u >= p, and scales kept units by 1/(1-p). Inference does nothing (Srivastava et
al., 2014, in the inverted form). The uniforms depend on (seed, layer, step) alone. Therefore the units that a run with
p = 0.2 drops are a subset of those that a run of the same seed with p = 0.5 drops.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from ablate.experiment.seeding import derive
from ablate.nn.layers import OnlyInTraining
from ablate.nn.views import Cached

# Steps whose uniforms are made in one call: enough to amortize the cost of the call, few enough to stay in cache.
BLOCK = 16


def uniforms(
    seed: int, layer: int, steps: range, shape: tuple[int, int], device: torch.device | str = "cpu"
) -> Tensor:
    """Returns uniforms in [0, 1), float32, shape (len(steps), features, batch). It is a pure function of its arguments.

    The generator is counter-based: the finalizer of MurmurHash3 (Appleby, 2011) mixes element counters with two keys
    per step. It has no state, so any step can be computed alone. Integer arithmetic is the same on every machine.
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
    """Computes h ^ (h >> bits) in place. The shift fills with zeros, as for unsigned integers."""
    shifted = (h >> bits).bitwise_and_((1 << (32 - bits)) - 1)
    return h.bitwise_xor_(shifted)


def _int32(key: int) -> int:
    low = key & 0xFFFFFFFF
    return low - (1 << 32) if low >= 1 << 31 else low


class _Views(NamedTuple):
    y: Tensor  # view of the input over whose runs the masks broadcast
    out: Tensor
    out_by_mask: Tensor  # the same view of out
    flat_masks: Tensor  # (rates * seeds, features, batch)
    mask: Tensor  # one mask for each run, or the masks that broadcast


class StackedDropout(OnlyInTraining):
    """Dropout after one hidden layer or block, on (runs, features, batch). Inference is the identity.

    There is one mask for each pair of a rate and a seed of the stack. All runs with that pair use it.

    Args:
        rates: Dropout rate of each run.
        seeds: Seed of each run.
        layer: Number of the layer, which selects its uniforms.
        features: Number of units in the layer.
        like: Tensor with the dtype and the device to use.
    """

    def __init__(
        self, rates: Sequence[float], seeds: Sequence[int], layer: int, features: int, like: Tensor
    ) -> None:
        levels, self.seeds = sorted(set(rates)), tuple(dict.fromkeys(seeds))
        self.layer, self.features = layer, features
        drop = torch.tensor(levels, dtype=torch.float64, device=like.device)[:, None, None, None]
        self.rates, self.scales = drop.to(like), (1 / (1 - drop)).to(like)
        masks = list(product(levels, self.seeds))
        self.mask_of_run = [masks.index(pair) for pair in zip(rates, seeds, strict=True)]
        self.period = len(masks)
        # If the runs repeat the order of the masks, the masks broadcast and need not be copied for each run.
        self.is_periodic = self.mask_of_run == list(range(self.period)) * (len(rates) // self.period)
        self.index = torch.tensor(self.mask_of_run, device=like.device)
        self.uniforms = self.masks = self.block = like.new_empty(0)
        self.block_start = -1
        self.views_of = Cached(self._views)

    def prepare(self, step: int, batch: int) -> None:
        """Writes the uniforms of a step into a permanent buffer, so that `forward` needs no data from the host."""
        start, shape = step - step % BLOCK, (self.features, batch)
        if self.uniforms.shape[1:] != shape:
            self.uniforms = self.rates.new_empty((len(self.seeds), *shape))
            self.masks = self.rates.new_empty((len(self.rates), len(self.seeds), *shape))
            self.block_start = -1
        if start != self.block_start:
            steps, device = range(start, start + BLOCK), self.rates.device
            blocks = [uniforms(seed, self.layer, steps, shape, device) for seed in self.seeds]
            self.block, self.block_start = torch.stack(blocks, dim=1), start
        self.uniforms.copy_(self.block[step - start])

    def make_masks(self) -> None:
        """Makes the masks of the prepared step: 0 for a dropped unit, 1 / (1 - p) for a kept one."""
        torch.ge(self.uniforms, self.rates, out=self.masks).mul_(self.scales)

    def mask(self, run: int) -> Tensor:
        """Returns the mask of a run, shape (features, batch)."""
        return self.masks.flatten(0, 1)[self.mask_of_run[run]]

    def forward(self, y: Tensor) -> Tensor:
        """Returns y with dropped units at 0 and the others scaled. y stays unchanged for use by activations."""
        self.make_masks()
        views = self.views_of(y)
        if not self.is_periodic:
            torch.index_select(views.flat_masks, 0, self.index, out=views.mask)
        torch.mul(views.y, views.mask, out=views.out_by_mask)
        return views.out

    def backward(self, grad: Tensor) -> Tensor:
        """Replaces the gradient of the output by the gradient of y, in place."""
        self._by_mask(grad).mul_(self.views_of.value.mask)
        return grad

    def _views(self, y: Tensor) -> _Views:
        flat_masks, out = self.masks.flatten(0, 1), torch.empty_like(y)
        mask = flat_masks if self.is_periodic else torch.empty_like(y)
        return _Views(self._by_mask(y), out, self._by_mask(out), flat_masks, mask)

    def _by_mask(self, y: Tensor) -> Tensor:
        """Views the runs of y so that the masks broadcast over them."""
        return y.view(-1, self.period, *y.shape[1:]) if self.is_periodic else y
