"""Standardization of each channel or feature to mean 0 and standard deviation 1 in the training split."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ablate.data.raw import Array
from ablate.data.split import Index
from ablate.experiment.spec import Standardize

Statistic = NDArray[np.float64]

# Number of values converted to float64 at a time: 1 MiB fits into the cache, and no full float64 copy is made.
_CHUNK = 1 << 17


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Converts stored values x to network inputs (x - mean) / std.

    `mean` and `std` are float64 arrays that broadcast against a sample. `std` is 1 for a channel or feature that is
    constant in the training split.
    """

    mean: Statistic
    std: Statistic

    def __call__(self, x: Array, index: Index) -> NDArray[np.float32]:
        """Returns the samples x[index], standardized, as a contiguous float32 array of shape (len(index), *shape)."""
        out = np.empty((len(index), *x.shape[1:]), dtype=np.float32)
        for rows, part in _chunks(x, index):
            part -= self.mean
            np.divide(part, self.std, out=out[rows], casting="same_kind")
        return out


def fit(x: Array, index: Index, mode: Standardize) -> Standardizer:
    """Returns a standardizer with the means and standard deviations of the samples x[index].

    Args:
        x: Array of shape (samples, *shape) and any real type, channels first.
        index: Indices of the training samples.
        mode: `channel` computes one mean and one population standard deviation (divisor n) for each channel, over the
            samples and all axes after the channel axis. In data of shape (samples, features), each feature is a
            channel. `feature` computes one mean and one standard deviation for each value of a sample, such as each
            pixel, over the samples. `none` keeps the stored values, for example 0 to 255 for uint8 images.
    """
    if mode == "none":
        return Standardizer(np.zeros(()), np.ones(()))
    axes = tuple(range(1, x.ndim - 1)) if mode == "channel" else ()
    count = len(index) * int(np.prod([x.shape[1 + axis] for axis in axes], dtype=np.int64))
    # Two passes of shifted sums (Chan, Golub, LeVeque 1983) avoid cancellation; the std of constants is exactly 0.
    first = x[index[0]].astype(np.float64)
    start = first[tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(first.ndim))]
    mean = start + _sums(x, index, start, axes)[0] / count
    rest, squares = _sums(x, index, mean, axes)
    std = np.sqrt(squares / count)
    return Standardizer(mean + rest / count, np.where(std > 0, std, 1.0))


def _sums(x: Array, index: Index, centre: Statistic, axes: tuple[int, ...]) -> tuple[Statistic, Statistic]:
    """Returns the sums of x[index] - centre and of (x[index] - centre)**2 over the samples and the given axes."""
    total, squares = np.zeros(x.shape[1:]), np.zeros(x.shape[1:])
    for _, part in _chunks(x, index):
        part -= centre
        total += part.sum(axis=0)
        squares += np.einsum("i...,i...->...", part, part)
    return total.sum(axis=axes, keepdims=True), squares.sum(axis=axes, keepdims=True)


def _chunks(x: Array, index: Index) -> Iterator[tuple[slice, Statistic]]:
    """Yields consecutive slices of `index`, each with the samples x[index] of this slice in a new float64 array."""
    step = max(1, _CHUNK // max(1, int(np.prod(x.shape[1:], dtype=np.int64))))
    for start in range(0, len(index), step):
        rows = slice(start, min(start + step, len(index)))
        yield rows, x[index[rows]].astype(np.float64, copy=False)
