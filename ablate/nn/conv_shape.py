"""What all runs of a stack of convolutional networks have in common."""

from dataclasses import dataclass, replace

from ablate.experiment.models import KERNEL, Model, flat_features, sizes_by_block, window
from ablate.nn.members import Member, Shape


@dataclass(frozen=True)
class ConvShape:
    """Blocks of convolution and pooling, and the fully connected layers that follow.

    Attributes:
        model: `cnn` or `cnn3d`.
        sample: (channels, height, width), or (channels, frames, height, width).
        channels: Of the convolutions, one a block.
        hidden: Widths of the hidden layers.
        classes: Number of outputs.
        norm: off, or before or after the activation, in blocks and hidden layers alike.
    """

    model: Model
    sample: tuple[int, ...]
    channels: tuple[int, ...]
    hidden: tuple[int, ...]
    classes: int
    norm: str

    @property
    def has_bias(self) -> bool:
        """Whether convolutions have a bias: not right before batch norm, which would subtract it again."""
        return self.norm != "batch"

    @property
    def kernel(self) -> tuple[int, ...]:
        """Size of a kernel along each spatial axis."""
        return (KERNEL,) * (len(self.sample) - 1)

    @property
    def inputs(self) -> tuple[int, ...]:
        """Channels that go into each block."""
        return (self.sample[0], *self.channels[:-1])

    @property
    def sizes(self) -> tuple[tuple[int, ...], ...]:
        """Spatial sizes that each block convolves, and last those passed on."""
        return sizes_by_block(self.model, self.sample, len(self.channels))

    @property
    def windows(self) -> tuple[tuple[int, ...], ...]:
        """What each block pools over."""
        sizes = self.sizes
        return tuple(window(self.model, sizes[block][0], block) for block in range(len(self.channels)))

    @property
    def tail(self) -> Shape:
        """The fully connected layers, whose inputs are the features of the last block."""
        features = flat_features(self.model, self.sample, self.channels)
        return Shape(features, self.hidden, self.classes, self.norm, standardized=False)

    def tail_first(self, member: Member) -> Member:
        """Returns a member whose dropout rates begin with those of the hidden layers, and end with the blocks'."""
        blocks = len(self.channels)
        return replace(member, dropout=member.dropout[blocks:] + member.dropout[:blocks])
