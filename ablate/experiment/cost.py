"""The cost of a run in seconds and bytes, estimated from its sizes and from rates measured on one server core.

The estimates size the stacks, order them (longest first) and appear in `ablate plan`. Results never depend on them.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import NamedTuple

from ablate.experiment.activations import ACTIVATIONS, ActivationInfo
from ablate.experiment.grid import Run
from ablate.experiment.models import KERNEL, flat_features, sizes_by_block
from ablate.experiment.norms import NORMS, OFF, norm_name
from ablate.experiment.optimizers import OPTIMIZERS

FLOP_SECONDS = 1 / 90e9
ELEMENT_SECONDS = 2e-9
# What a step of a stack costs besides its runs: the overhead of calls.
STACK_STEP_SECONDS = 0.8e-3
# Time before the first step and after the last one: start-up and tables.
PROCESS_SECONDS = 6.0
# Cost of an evaluation relative to a training step: a forward pass alone has a third of a step's products.
EVALUATION_SHARE = 0.4


@dataclass(frozen=True)
class Sizes:
    """The sizes that a cost depends on, besides those of the run."""

    features: int  # numbers in one sample
    classes: int
    train: int  # samples
    val: int  # samples; each evaluation also scores as many training samples
    evals_per_epoch: int
    sample: tuple[int, ...] = ()  # shape, channels first; only models with convolutions need it


class _Block(NamedTuple):
    """The cost of one block of a run for one sample."""

    weights: int
    products: int  # multiplications in a forward pass
    elements: int  # outputs of the convolution


def _blocks(run: Run, sizes: Sizes) -> list[_Block]:
    """Returns the cost of each block of a run; an mlp has no blocks."""
    spatial = sizes_by_block(run.model, sizes.sample, len(run.channels))
    kernels = pairwise((*sizes.sample[:1], *run.channels))
    weights = [inputs * outputs * KERNEL ** len(spatial[0]) for inputs, outputs in kernels]
    layers = zip(weights, run.channels, map(prod, spatial[:-1]), strict=True)
    return [_Block(count, count * positions, outputs * positions) for count, outputs, positions in layers]


def _widths(run: Run, sizes: Sizes) -> tuple[int, ...]:
    """Returns the number of inputs of the fully connected layers, and the number of outputs of each."""
    inputs = flat_features(run.model, sizes.sample, run.channels) if run.channels else sizes.features
    return (inputs, *run.hidden, sizes.classes)


def _dense_count(run: Run, sizes: Sizes) -> int:
    """Returns about how many parameters a run has in fully connected layers: one product each per sample."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(_widths(run, sizes)))


def parameter_count(run: Run, sizes: Sizes) -> int:
    """Returns about how many parameters a run has."""
    return _dense_count(run, sizes) + sum(block.weights for block in _blocks(run, sizes))


def step_count(run: Run, sizes: Sizes) -> int:
    """Returns the number of training steps of a run."""
    return int(run.epochs * (sizes.train // run.batch_size))


def run_flops(run: Run, sizes: Sizes) -> int:
    """Returns the floating-point operations of all matrix products of a run.

    A multiplication with its addition counts as two operations. A step is one forward and two backward passes, except
    that the first layer needs no gradient of its input. An evaluation is one forward pass over the validation set and
    the training samples scored with it.
    """
    products = [block.products for block in _blocks(run, sizes)]
    products += [inputs * outputs for inputs, outputs in pairwise(_widths(run, sizes))]
    step = run.batch_size * (6 * sum(products) - 2 * products[0])
    evaluation = (sizes.val + min(sizes.val, sizes.train)) * 2 * sum(products)
    return int(step_count(run, sizes) * step + (run.epochs * sizes.evals_per_epoch + 1) * evaluation)


def run_seconds(run: Run, sizes: Sizes) -> float:
    """Returns about how many seconds one core spends on a run inside a stack."""
    blocks = _blocks(run, sizes)
    products = _dense_count(run, sizes) + sum(block.products for block in blocks)
    elements = sum(run.hidden) + sum(block.elements for block in blocks)
    activation = ACTIVATIONS.get(run.activation, ActivationInfo()).seconds
    norm = 0.0 if run.norm == OFF else NORMS[norm_name(run.norm)].seconds
    sample = 6 * products * FLOP_SECONDS + elements * (activation + norm + ELEMENT_SECONDS)
    step = run.batch_size * sample + parameter_count(run, sizes) * OPTIMIZERS[run.optimizer].seconds
    evaluation = 2 * sizes.val * sample * EVALUATION_SHARE
    return float(step_count(run, sizes) * step + run.epochs * sizes.evals_per_epoch * evaluation)


def run_bytes(run: Run, sizes: Sizes) -> int:
    """Returns about how many bytes a run takes inside a stack: parameters, gradients, moments and buffers."""
    states = OPTIMIZERS[run.optimizer].buffers * parameter_count(run, sizes)
    # Dropout keeps the uniforms of sixteen steps, and needs twice that while drawing them.
    buffers = (6 * max(run.batch_size, 256) + 32 * run.batch_size) * sum(run.hidden)
    return int(4 * (states + buffers) + activation_bytes(run, sizes))


def activation_bytes(run: Run, sizes: Sizes) -> int:
    """Returns about how many bytes the blocks of a run take in a step: outputs, gradients and pooled outputs."""
    return int(4 * 5 * run.batch_size * sum(block.elements for block in _blocks(run, sizes)))
