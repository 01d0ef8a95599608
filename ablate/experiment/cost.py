"""The estimated cost of a run in seconds and bytes, from the run's sizes and from speeds measured on one server core.

`ablate plan` prints the estimates. They determine the sizes of stacks (runs trained together) and the order in which
stacks start (longest first), but never affect results.
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
# Time of the function calls in one step of a stack, in addition to the time of its runs.
STACK_STEP_SECONDS = 0.8e-3
# Time before the first step (start-up) and after the last step (writing of tables).
PROCESS_SECONDS = 6.0
# Memory per parameter while a network is made, in float32 numbers: values in float64 and float32, and their buffers.
_BUFFERS_AT_START = 5
# Cost of an evaluation relative to a training step. An evaluation is a forward pass, which has a third of the matrix
# products of a training step.
EVALUATION_SHARE = 0.4


@dataclass(frozen=True)
class Sizes:
    """The properties of a dataset and of its evaluations that determine the cost of a run."""

    features: int  # numbers in one sample
    classes: int
    train: int  # samples
    val: int  # samples; each evaluation also scores the same number of training samples
    evals_per_epoch: int
    sample: tuple[int, ...] = ()  # shape, channels first; only models with convolutions need it


class _Block(NamedTuple):
    """The cost of one convolutional block of a run for one sample."""

    weights: int
    products: int  # number of multiplications in a forward pass
    elements: int  # number of outputs of the convolution


def _blocks(run: Run, sizes: Sizes) -> list[_Block]:
    """Returns the cost of each convolutional block of a run. A multilayer perceptron has no blocks."""
    spatial = sizes_by_block(run.model, sizes.sample, len(run.channels))
    kernels = pairwise((*sizes.sample[:1], *run.channels))
    weights = [inputs * outputs * KERNEL ** len(spatial[0]) for inputs, outputs in kernels]
    layers = zip(weights, run.channels, map(prod, spatial[:-1]), strict=True)
    return [_Block(count, count * positions, outputs * positions) for count, outputs, positions in layers]


def _widths(run: Run, sizes: Sizes) -> tuple[int, ...]:
    """Returns the number of inputs of the first fully connected layer, then each layer's number of outputs."""
    inputs = flat_features(run.model, sizes.sample, run.channels) if run.channels else sizes.features
    return (inputs, *run.hidden, sizes.classes)


def _dense_count(run: Run, sizes: Sizes) -> int:
    """Returns the approximate number of parameters in fully connected layers.

    Each parameter costs one multiplication per sample in a forward pass.
    """
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(_widths(run, sizes)))


def parameter_count(run: Run, sizes: Sizes) -> int:
    """Returns the approximate number of parameters of a run's network."""
    return _dense_count(run, sizes) + sum(block.weights for block in _blocks(run, sizes))


def step_count(run: Run, sizes: Sizes) -> int:
    """Returns the number of training steps of a run."""
    return int(run.epochs * (sizes.train // run.batch_size))


def run_flops(run: Run, sizes: Sizes) -> int:
    """Returns the number of floating-point operations in all matrix products of a run.

    A multiply-add counts as two operations. In a training step, each layer has one forward product and two backward
    products. The first layer has only one backward product, because the gradient of its input is not needed. An
    evaluation is one forward pass over the validation samples and the training samples that are scored.
    """
    products = [block.products for block in _blocks(run, sizes)]
    products += [inputs * outputs for inputs, outputs in pairwise(_widths(run, sizes))]
    step = run.batch_size * (6 * sum(products) - 2 * products[0])
    evaluation = (sizes.val + min(sizes.val, sizes.train)) * 2 * sum(products)
    return int(step_count(run, sizes) * step + (run.epochs * sizes.evals_per_epoch + 1) * evaluation)


def run_seconds(run: Run, sizes: Sizes) -> float:
    """Returns the approximate time in seconds that one core spends on a run that is trained in a stack."""
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
    """Returns the approximate memory of a run in bytes: parameters, the optimizer's state, and the values of a step.

    For networks of 500 MB to 4 GB, the measured peak was 0.7 to 1.3 times this estimate.
    """
    states = max(OPTIMIZERS[run.optimizer].buffers, _BUFFERS_AT_START) * parameter_count(run, sizes)
    inputs = run.batch_size * sizes.features
    # Dropout stores the random numbers of sixteen steps. Drawing them takes as much memory again.
    units = 6 * max(run.batch_size, 256) + (32 * run.batch_size if any(run.dropout) else 0)
    # Only a monotone activation is computed after the pooling, on fewer values.
    is_large = not ACTIVATIONS.get(run.activation, ActivationInfo()).is_monotone
    blocks = activation_bytes(run, sizes) * (1.7 if is_large else 1.0)
    return int(4 * (states + inputs + units * sum(run.hidden)) + blocks)


def activation_bytes(run: Run, sizes: Sizes) -> int:
    """Returns the approximate memory of a run's convolutional blocks in one step, in bytes.

    This is the memory of outputs, gradients and pooled outputs.
    """
    return int(4 * 5 * run.batch_size * sum(block.elements for block in _blocks(run, sizes)))
