"""The models by name: what a sample has to be, their default widths, and the sizes of what convolutions pass on."""

from dataclasses import dataclass
from math import prod
from typing import Literal, get_args

from ablate.experiment.levels import label

Model = Literal["mlp", "cnn", "cnn3d"]
Size = tuple[int, ...]

# Numbers along each axis of a convolution's kernel, and along each spatial axis of a pooling window.
KERNEL, POOL = 3, 2


@dataclass(frozen=True)
class ModelInfo:
    """What is special about a model.

    Attributes:
        axes: Of a sample; empty if it takes any and sees it as one row of numbers.
        channels: Of its convolutions, one a block, unless they are given.
        hidden: Widths of its hidden layers unless they are given.
        about: One line for `ablate list models`.
    """

    axes: tuple[str, ...]
    channels: tuple[int, ...]
    hidden: tuple[int, ...]
    about: str


def window(model: Model, frames: int, block: int) -> Size:
    """Returns what a block pools over: height and width in twos and, in a video, frames too.

    Frames are left alone in the first block, "with the intention of not to merge the temporal signal too early"
    (Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", 2015), and once one is left.

    Args:
        model: `cnn` or `cnn3d`.
        frames: How many there are before the pooling; of no account for a picture.
        block: Counted from 0.
    """
    if model == "cnn":
        return (POOL, POOL)
    return (POOL if block and frames > 1 else 1, POOL, POOL)


def sizes_by_block(model: Model, sample: Size, blocks: int) -> tuple[Size, ...]:
    """Returns the spatial sizes that each block convolves, and last those that the last block passes on.

    What is left over after whole windows is not passed on: of 7 rows 3 are. A size of 0 says that there are more blocks
    than the sample is large.

    Args:
        model: `cnn` or `cnn3d`.
        sample: (channels, height, width), or (channels, frames, height, width).
        blocks: How many.
    """
    sizes = [sample[1:]]
    for block in range(blocks):
        last = sizes[-1]
        pooled = window(model, last[0], block)
        sizes.append(tuple(size // step for size, step in zip(last, pooled, strict=True)))
    return tuple(sizes)


def flat_features(model: Model, sample: Size, channels: tuple[int, ...]) -> int:
    """Returns how many numbers the first linear layer gets of one sample."""
    if model == "mlp":
        return prod(sample)
    return channels[-1] * prod(sizes_by_block(model, sample, len(channels))[-1])


def misfit(model: Model, sample: Size, channels: tuple[int, ...]) -> str:
    """Returns why a model cannot take such samples, as the middle of a sentence; nothing if it can."""
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
    """Returns why dropout rates do not fit the layers, as the middle of a sentence; nothing if they do."""
    count = len(channels) + len(hidden)
    if len(rates) in (1, count):
        return ""
    blocks = f"{len(channels)} blocks of --channels {label(channels)} and " if channels else ""
    return (
        f"--dropout: {label(rates)!r} gives {len(rates)} rates for the {blocks}{len(hidden)} hidden "
        f"layers of --hidden {label(hidden)}; legal are 1 or {count}"
    )


MODELS: dict[Model, ModelInfo] = {
    "mlp": ModelInfo(
        (), (), (100, 50), "hidden layers of linear, [batch norm], activation, [dropout]; linear output"
    ),
    "cnn": ModelInfo(
        ("channels", "height", "width"),
        (32, 64),
        (128,),
        "blocks of 3x3 convolution, [batch norm], activation, [dropout of channels], max pooling; then as mlp",
    ),
    "cnn3d": ModelInfo(
        ("channels", "frames", "height", "width"),
        (16, 32),
        (64,),
        "the same over frames x height x width, for videos",
    ),
}
