"""Facts about each model: accepted shapes of samples, default widths, and the size of the data at each block."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

from ablate.experiment.levels import label
from ablate.experiment.norms import NORMS, OFF, norm_name

Model = Literal["mlp", "cnn", "cnn3d"]
Size = tuple[int, ...]

# Size of a convolution kernel and of a pooling window along each spatial axis.
KERNEL, POOL = 3, 2


@dataclass(frozen=True)
class ModelInfo:
    """Facts about one model.

    Attributes:
        axes: Names of the axes of a sample; empty if the model accepts samples of any shape and flattens them.
        channels: Default numbers of output channels of the convolutions, one per block.
        hidden: Default widths of the hidden fully connected layers.
        about: Description of the model in one line, for `ablate list models`.
    """

    axes: tuple[str, ...]
    channels: tuple[int, ...]
    hidden: tuple[int, ...]
    about: str


def window(model: Model, frames: int, block: int) -> Size:
    """Returns the size of a block's pooling window: 2 along height and width and, for videos, 2 along frames.

    For videos, the window of the first block has size 1 along frames, "with the intention of not to merge the temporal
    signal too early" (Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", 2015). The window
    also has size 1 along frames if only one frame is left.

    Args:
        model: `cnn` or `cnn3d`.
        frames: Number of frames before the pooling of this block; ignored for pictures.
        block: Index of the block, counted from 0.
    """
    if model == "cnn":
        return (POOL, POOL)
    return (POOL if block and frames > 1 else 1, POOL, POOL)


def sizes_by_block(model: Model, sample: Size, blocks: int) -> tuple[Size, ...]:
    """Returns the spatial size of the input of each block, and of the output of the last block.

    Positions that do not fill a pooling window are dropped: 7 rows become 3. A size of 0 means that the sample is too
    small for this number of blocks.

    Args:
        model: `cnn` or `cnn3d`.
        sample: Shape of a sample, (channels, height, width) or (channels, frames, height, width).
        blocks: Number of blocks.
    """
    sizes = [sample[1:]]
    for block in range(blocks):
        last = sizes[-1]
        pooled = window(model, last[0], block)
        sizes.append(tuple(size // step for size, step in zip(last, pooled, strict=True)))
    return tuple(sizes)


def flat_features(model: Model, sample: Size, channels: tuple[int, ...]) -> int:
    """Returns the number of inputs of a model's first fully connected layer."""
    if model == "mlp":
        return prod(sample)
    return channels[-1] * prod(sizes_by_block(model, sample, len(channels))[-1])


def misfit(model: Model, sample: Size, channels: tuple[int, ...]) -> str:
    """Returns the reason why a model rejects samples of this shape, as part of a sentence.

    The text is empty if the model accepts the samples.
    """
    axes = MODELS[model].axes
    shown = "x".join(map(str, sample))
    if axes and len(sample) != len(axes):
        legal = ", ".join(name for name in get_args(Model) if len(MODELS[name].axes) in (0, len(sample)))
        return f"--model: {model!r} takes {' x '.join(axes)}, and a sample is {shown}; legal are {legal}"
    if channels and 0 in sizes_by_block(model, sample, len(channels))[-1]:
        most = next(
            blocks - 1
            for blocks in range(1, len(channels) + 1)
            if 0 in sizes_by_block(model, sample, blocks)[-1]
        )
        legal = f"at most {most} for samples of {shown}" if most else f"samples larger than {shown}"
        return (
            f"--channels: {label(channels)!r} is {len(channels)} blocks, each of which halves height and width; "
            f"legal are {legal}"
        )
    return ""


def misfit_rates(rates: tuple[float, ...], channels: tuple[int, ...], hidden: tuple[int, ...]) -> str:
    """Returns the reason why the dropout rates do not fit the layers, as part of a sentence.

    The text is empty if the rates fit.
    """
    count = len(channels) + len(hidden)
    if len(rates) in (1, count):
        return ""
    blocks = f"{len(channels)} blocks of --channels {label(channels)} and " if channels else ""
    return (
        f"--dropout: {label(rates)!r} gives {len(rates)} rates for the {blocks}{len(hidden)} hidden "
        f"layers of --hidden {label(hidden)}; legal are 1 or {count}"
    )


def misfit_norms(levels: Sequence[str], channels: Size, hidden: Size) -> str:
    """Returns the reason why a normalization does not fit the widths of the layers, as a sentence.

    The text is empty if all normalizations fit.
    """
    for level in levels:
        least = 1 if level == OFF else NORMS[norm_name(level)].min_units
        for flag, widths in (("--channels", channels), ("--hidden", hidden)):
            if widths and min(widths) < least:
                return (
                    f"--norm: {level!r} compares the units of a sample, and a layer of {flag} {label(widths)} has "
                    f"{min(widths)}; legal are layers of at least {least} units, or another --norm"
                )
    return ""


MODELS: dict[Model, ModelInfo] = {
    "mlp": ModelInfo(
        (), (), (100, 50), "hidden layers of linear, [norm], activation, [dropout]; linear output"
    ),
    "cnn": ModelInfo(
        ("channels", "height", "width"),
        (32, 64),
        (128,),
        "blocks of 3x3 convolution, [norm], activation, [dropout of channels], max pooling; then as mlp",
    ),
    "cnn3d": ModelInfo(
        ("channels", "frames", "height", "width"),
        (16, 32),
        (64,),
        "the same over frames x height x width, for videos",
    ),
}
