"""The cost of a run in seconds and bytes, estimated from its sizes and from speeds measured on one server core.

They determine the size and order (longest first) of stacks and appear in `ablate plan`. They never affect results.
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
# Time of a step of a stack in addition to the time of its runs: the overhead of calls.
STACK_STEP_SECONDS = 0.8e-3
# Time before the first step and after the last step: start-up and writing of tables.
PROCESS_SECONDS = 6.0
# Cost of an evaluation relative to a training step: a forward pass has a third of the matrix products of a step.
EVALUATION_SHARE = 0.4


@dataclass(frozen=True)
class Sizes:
    """The sizes that a cost depends on in addition to the sizes of the run."""

    features: int  # numbers in one sample
    classes: int
    train: int  # samples
    val: int  # samples; each evaluation also scores the same number of training samples
    evals_per_epoch: int
    sample: tuple[int, ...] = ()  # shape, channels first; only models with convolutions need it


class _Block(NamedTuple):
    """The cost of one block of a run for one sample."""

    weights: int
    products: int  # number of multiplications in a forward pass
    elements: int  # number of outputs of the convolution


def _blocks(run: Run, sizes: Sizes) -> list[_Block]:
    """Returns the cost of each block of a run; an mlp has no blocks."""
    spatial = sizes_by_block(run.model, sizes.sample, len(run.channels))
    kernels = pairwise((*sizes.sample[:1], *run.channels))
    weights = [inputs * outputs * KERNEL ** len(spatial[0]) for inputs, outputs in kernels]
    layers = zip(weights, run.channels, map(prod, spatial[:-1]), strict=True)
    return [_Block(count, count * positions, outputs * positions) for count, outputs, positions in layers]


def _widths(run: Run, sizes: Sizes) -> tuple[int, ...]:
    """Returns the number of inputs of the first fully connected layer and the number of outputs of each."""
    inputs = flat_features(run.model, sizes.sample, run.channels) if run.channels else sizes.features
    return (inputs, *run.hidden, sizes.classes)


def _dense_count(run: Run, sizes: Sizes) -> int:
    """Returns the approximate number of parameters in fully connected layers: one product each per sample."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(_widths(run, sizes)))


def parameter_count(run: Run, sizes: Sizes) -> int:
    """Returns the approximate number of parameters of a run."""
    return _dense_count(run, sizes) + sum(block.weights for block in _blocks(run, sizes))


def step_count(run: Run, sizes: Sizes) -> int:
    """Returns the number of training steps of a run."""
    return int(run.epochs * (sizes.train // run.batch_size))


def run_flops(run: Run, sizes: Sizes) -> int:
    """Returns the floating-point operations of all matrix products of a run.

    A multiply-add counts as two operations. A step has one forward and two backward products per layer, except that the
    first layer needs no gradient of its input. An evaluation is one forward pass over the validation set and the
    training samples that are scored with it.
    """
    products = [block.products for block in _blocks(run, sizes)]
    products += [inputs * outputs for inputs, outputs in pairwise(_widths(run, sizes))]
    step = run.batch_size * (6 * sum(products) - 2 * products[0])
    evaluation = (sizes.val + min(sizes.val, sizes.train)) * 2 * sum(products)
    return int(step_count(run, sizes) * step + (run.epochs * sizes.evals_per_epoch + 1) * evaluation)


def run_seconds(run: Run, sizes: Sizes) -> float:
    """Returns the approximate time in seconds that one core spends on a run in a stack."""
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
    """Returns the approximate memory of a run in a stack in bytes: parameters, gradients, moments and buffers."""
    states = OPTIMIZERS[run.optimizer].buffers * parameter_count(run, sizes)
    # Dropout stores the uniform random numbers of sixteen steps and needs twice that memory to draw them.
    buffers = (6 * max(run.batch_size, 256) + 32 * run.batch_size) * sum(run.hidden)
    return int(4 * (states + buffers) + activation_bytes(run, sizes))


def activation_bytes(run: Run, sizes: Sizes) -> int:
    """Returns the approximate memory of a run's blocks in a step: outputs, gradients and pooled outputs."""
    return int(4 * 5 * run.batch_size * sum(block.elements for block in _blocks(run, sizes)))
