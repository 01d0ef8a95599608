"""The normalizations by name: what is known of each without torch; `nn` holds their kernels under the same names."""

from dataclasses import dataclass

OFF, AFTER = "off", "-post"


@dataclass(frozen=True)
class NormInfo:
    """Facts about one normalization.

    Attributes:
        about: One line for a help text.
        makes_bias_redundant: Whether it subtracts a mean for each unit, and with it the bias of the layer before.
        min_units: Units or channels that a layer needs: two where it compares those of one sample.
        seconds: What an element of a hidden layer costs in one step, forward and backward, on one core.
    """

    about: str
    makes_bias_redundant: bool = False
    min_units: int = 1
    seconds: float = 4e-9


MOST_GROUPS = 8

# Units are the channels of a convolution or the units of a hidden layer. Definitions are those of torch.nn.
NORMS: dict[str, NormInfo] = {
    "batch": NormInfo("each unit over the batch (Ioffe and Szegedy, 2015)", makes_bias_redundant=True),
    "layer": NormInfo(
        "each sample, or position, over its units (Ba et al., 2016)", min_units=2, seconds=6e-9
    ),
    "rms": NormInfo("as layer, without mean and bias (Zhang and Sennrich, 2019)", min_units=2, seconds=5e-9),
    "group": NormInfo(
        "each sample over groups of its units, as many as divide them, at most "
        f"{MOST_GROUPS} and of at least two units (Wu and He, 2018)",
        min_units=2,
        seconds=6e-9,
    ),
}

# Levels of the factor `norm`: none, each normalization before the activation, and each after it.
NORM_LEVELS = (OFF, *(name + place for name in NORMS for place in ("", AFTER)))
# Other spellings of a level: where batch norm stands, as `--batch-norm off,pre,post` says it.
NORM_ALIASES = {"pre": "batch", "post": "batch" + AFTER}


def group_count(units: int) -> int:
    """Returns the largest divisor of the units that is at most 8 and leaves at least two units in a group, or 1."""
    return next((n for n in range(MOST_GROUPS, 1, -1) if units % n == 0 and units >= 2 * n), 1)


def norm_name(level: str) -> str:
    """Returns the key of `NORMS` that a level other than `off` stands for: `batch` for `batch-post`."""
    return level.removesuffix(AFTER)


def is_after_activation(level: str) -> bool:
    """Says whether a level places the normalization after the activation."""
    return level.endswith(AFTER)


def makes_bias_redundant(level: str) -> bool:
    """Says whether a level subtracts the bias of the layer before it again: not after an activation."""
    return level != OFF and not is_after_activation(level) and NORMS[norm_name(level)].makes_bias_redundant
