"""What a run costs: seconds and bytes, estimated from its sizes by rates measured on one core of a current server.

Used to size stacks, to start the longest first and to say in `ablate plan` about how long a grid takes. Only ratios
between runs matter for the first two; results depend on none of it.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import prod

from ablate.experiment.activations import ACTIVATIONS, ActivationInfo
from ablate.experiment.grid import Run
from ablate.experiment.models import KERNEL, flat_features, sizes_by_block
from ablate.experiment.norms import NORMS, OFF, norm_name
from ablate.experiment.optimizers import OPTIMIZERS

FLOP_SECONDS = 1 / 90e9
ELEMENT_SECONDS = 2e-9
STACK_STEP_SECONDS = 0.8e-3
# From the start of the command to the first step, and from the last to the tables.
PROCESS_SECONDS = 6.0
# A forward pass alone, as in an evaluation, is a third of a step's products.
EVALUATION_SHARE = 0.4


@dataclass(frozen=True)
class Sizes:
    """What a cost depends on besides the run.

    Attributes:
        features: Numbers in one sample.
        classes: Number of outputs.
        train: Training samples.
        val: Validation samples; each evaluation scores as many training samples too.
        evals_per_epoch: Evaluations per epoch.
        sample: Shape of one sample, channels first; only models with convolutions need it.
    """

    features: int
    classes: int
    train: int
    val: int
    evals_per_epoch: int
    sample: tuple[int, ...] = ()


@dataclass(frozen=True)
class Convolved:
    """What one block of a run costs for one sample.

    Attributes:
        weights: Numbers in its kernels.
        products: Multiplications of a forward pass.
        elements: Numbers the convolution gives.
    """

    weights: int
    products: int
    elements: int


def convolved(run: Run, sizes: Sizes) -> tuple[Convolved, ...]:
    """Returns the costs of a run's blocks, none for an mlp."""
    if not run.channels:
        return ()
    inputs = (sizes.sample[0], *run.channels[:-1])
    spatial = sizes_by_block(run.model, sizes.sample, len(run.channels))
    blocks = []
    for before, after, size in zip(inputs, run.channels, spatial, strict=False):
        weights, positions = before * after * KERNEL ** len(size), prod(size)
        blocks.append(Convolved(weights, weights * positions, after * positions))
    return tuple(blocks)


def dense_count(run: Run, sizes: Sizes) -> int:
    """Returns about how many numbers a run trains in fully connected layers, each of them one product a sample."""
    features = flat_features(run.model, sizes.sample, run.channels) if run.channels else sizes.features
    widths = (features, *run.hidden, sizes.classes)
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))


def parameter_count(run: Run, sizes: Sizes) -> int:
    """Returns about how many numbers a run trains."""
    return dense_count(run, sizes) + sum(block.weights for block in convolved(run, sizes))


def step_count(run: Run, sizes: Sizes) -> int:
    """Returns the steps of a run."""
    return int(run.epochs * (sizes.train // run.batch_size))


def run_flops(run: Run, sizes: Sizes) -> int:
    """Returns the floating-point operations of all matrix products that a run needs.

    A product of one weight with one number counts as two. A step takes one pass forward and two backward, without the
    gradient of the input of the first layer, which nobody needs; an evaluation takes one forward, over the validation
    set and the training samples that are scored with it.
    """
    inputs = flat_features(run.model, sizes.sample, run.channels) if run.channels else sizes.features
    products = [block.products for block in convolved(run, sizes)]
    products += [before * after for before, after in pairwise((inputs, *run.hidden, sizes.classes))]
    step = run.batch_size * (6 * sum(products) - 2 * products[0])
    evaluation = (sizes.val + min(sizes.val, sizes.train)) * 2 * sum(products)
    return int(step_count(run, sizes) * step + (run.epochs * sizes.evals_per_epoch + 1) * evaluation)


def run_seconds(run: Run, sizes: Sizes) -> float:
    """Returns about how long a run keeps one core busy inside a stack."""
    parameters, blocks = parameter_count(run, sizes), convolved(run, sizes)
    products = dense_count(run, sizes) + sum(block.products for block in blocks)
    elements = sum(run.hidden) + sum(block.elements for block in blocks)
    activation = ACTIVATIONS.get(run.activation, ActivationInfo()).seconds
    norm = 0.0 if run.norm == OFF else NORMS[norm_name(run.norm)].seconds
    sample = 6 * products * FLOP_SECONDS + elements * (activation + norm + ELEMENT_SECONDS)
    step = run.batch_size * sample + parameters * OPTIMIZERS[run.optimizer].seconds
    evaluation = 2 * sizes.val * sample * EVALUATION_SHARE
    return float(step_count(run, sizes) * step + run.epochs * sizes.evals_per_epoch * evaluation)


def stack_overhead_seconds(run: Run, sizes: Sizes) -> float:
    """Returns about what a stack costs besides its runs: the calls of every step."""
    return step_count(run, sizes) * STACK_STEP_SECONDS


def run_bytes(run: Run, sizes: Sizes) -> int:
    """Returns about how much memory a run takes inside a stack: parameters, gradients, moments and buffers."""
    states = OPTIMIZERS[run.optimizer].buffers
    # Dropout keeps the uniforms of sixteen steps, and twice that while it draws them.
    buffers = (6 * max(run.batch_size, 256) + 32 * run.batch_size) * sum(run.hidden)
    return int(4 * (states * parameter_count(run, sizes) + buffers) + activation_bytes(run, sizes))


def activation_bytes(run: Run, sizes: Sizes) -> int:
    """Returns about how much memory the blocks of a run take in a step: outputs, their gradients, what is pooled."""
    return int(4 * 5 * run.batch_size * sum(block.elements for block in convolved(run, sizes)))
