"""Inverted dropout for a stack, in which each run has its own rate and runs with the same seed share random numbers.

In training, a unit is kept if its random number from U(0, 1) is at least the dropout rate p. Kept units are scaled by
1 / (1 - p) (Srivastava et al., 2014, in the inverted form). At inference, dropout returns its input unchanged. The
random numbers, called uniforms, depend only on the seed, the layer and the step. Of two runs with the same seed, the
run with p = 0.5 therefore drops all units that the run with p = 0.2 drops.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from ablate.experiment.seeding import derive
from ablate.nn.layers import OnlyInTraining
from ablate.nn.views import Cached

# Number of steps whose uniforms one call makes: enough to amortize the cost of the call, and few enough that the
# uniforms stay in cache.
BLOCK = 16


def uniforms(
    seed: int, layer: int, steps: range, shape: tuple[int, int], device: torch.device | str = "cpu"
) -> Tensor:
    """Returns float32 random numbers from U(0, 1) for a layer in the given steps, shape (len(steps), features, batch).

    The random numbers depend only on the arguments. The generator is counter-based: the finalizer of MurmurHash3
    (Appleby, 2011) mixes the index of each element with two keys per step. The generator has no state, so the random
    numbers of a step can be computed without those of earlier steps. Integer arithmetic gives the same numbers on every
    machine.
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
    """Replaces h by h ^ (h >> bits), in place. The shift inserts zeros, as for unsigned integers."""
    shifted = (h >> bits).bitwise_and_((1 << (32 - bits)) - 1)
    return h.bitwise_xor_(shifted)


def _int32(key: int) -> int:
    low = key & 0xFFFFFFFF
    return low - (1 << 32) if low >= 1 << 31 else low


class _Views(NamedTuple):
    y: Tensor  # the input, in a shape to which the masks broadcast
    out: Tensor
    out_by_mask: Tensor  # view of `out` in the same shape
    flat_masks: Tensor  # (rates * seeds, features, batch)
    mask: Tensor  # one mask for each run, or all masks, which then broadcast to the runs


class StackedDropout(OnlyInTraining):
    """Dropout after one hidden layer or convolutional block, for tensors of shape (runs, features, batch).

    At inference, the layer returns its input unchanged. All runs with the same dropout rate and the same seed use the
    same mask.

    Args:
        rates: Dropout rate of each run.
        seeds: Seed of each run.
        layer: Number of the layer, from which the random numbers are derived.
        features: Number of units in the layer.
        like: A tensor whose dtype and device are used for the masks.
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
        # If the runs use all masks in their order, one or more times, the masks broadcast to the runs without a copy.
        self.is_periodic = self.mask_of_run == list(range(self.period)) * (len(rates) // self.period)
        self.index = torch.tensor(self.mask_of_run, device=like.device)
        self.uniforms = self.masks = self.block = like.new_empty(0)
        self.block_start = -1
        self.views_of = Cached(self._views)

    def prepare(self, step: int, batch: int) -> None:
        """Writes the random numbers of a step into a permanent buffer, so that `forward` needs no data from the CPU."""
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
        """Makes the dropout masks from the random numbers that `prepare` has written into a buffer.

        With dropout rate p, the mask is 0 for a dropped unit and 1 / (1 - p) for a kept unit.
        """
        torch.ge(self.uniforms, self.rates, out=self.masks).mul_(self.scales)

    def mask(self, run: int) -> Tensor:
        """Returns the dropout mask of one run, shape (features, batch)."""
        return self.masks.flatten(0, 1)[self.mask_of_run[run]]

    def forward(self, y: Tensor) -> Tensor:
        """Returns a new tensor: the input with the dropped units set to 0 and the kept units scaled by 1 / (1 - p).

        The input, y, stays unchanged, because the backward pass of the activation may need y.
        """
        self.make_masks()
        views = self.views_of(y)
        if not self.is_periodic:
            torch.index_select(views.flat_masks, 0, self.index, out=views.mask)
        torch.mul(views.y, views.mask, out=views.out_by_mask)
        return views.out

    def backward(self, grad: Tensor) -> Tensor:
        """Overwrites `grad`, the gradient of the layer's output, with the gradient of the layer's input."""
        self._by_mask(grad).mul_(self.views_of.value.mask)
        return grad

    def _views(self, y: Tensor) -> _Views:
        flat_masks, out = self.masks.flatten(0, 1), torch.empty_like(y)
        mask = flat_masks if self.is_periodic else torch.empty_like(y)
        return _Views(self._by_mask(y), out, self._by_mask(out), flat_masks, mask)

    def _by_mask(self, y: Tensor) -> Tensor:
        """Returns a view of y in a shape to which the dropout masks can be broadcast."""
        return y.view(-1, self.period, *y.shape[1:]) if self.is_periodic else y
