"""Facts about the normalizations, by name.

This module does not import torch; `ablate.nn` implements the normalizations under the same names.
"""

from dataclasses import dataclass

OFF, AFTER = "off", "-post"


@dataclass(frozen=True)
class NormInfo:
    """Facts about one normalization.

    Attributes:
        about: Description of the normalization in one line, for a help text.
        makes_bias_redundant: Whether the normalization subtracts a mean per unit, which cancels the bias of the
            preceding layer.
        min_units: Smallest legal number of units or channels of a layer; two if means are taken over the units of a
            sample.
        seconds: Time per element of a hidden layer in one training step (forward and backward) on one core.
    """

    about: str
    makes_bias_redundant: bool = False
    min_units: int = 1
    seconds: float = 4e-9


MOST_GROUPS = 8

# In the descriptions, a unit is a channel of a convolution or a unit of a hidden layer. The definitions follow
# torch.nn.
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

# Levels of the factor `norm`: no normalization, and each normalization before or after the activation.
NORM_LEVELS = (OFF, *(name + place for name in NORMS for place in ("", AFTER)))
# Aliases of levels: the position of batch norm relative to the activation, as in `--batch-norm off,pre,post`.
NORM_ALIASES = {"pre": "batch", "post": "batch" + AFTER}


def group_count(units: int) -> int:
    """Returns the number of groups of group normalization for a layer with `units` units.

    The result is the largest divisor of `units` that is at most 8 and gives groups of at least two units, or 1 if no
    such divisor exists.
    """
    return next((n for n in range(MOST_GROUPS, 1, -1) if units % n == 0 and units >= 2 * n), 1)


def norm_name(level: str) -> str:
    """Returns the key of `NORMS` for a level of the factor `norm`, such as `batch` for `batch-post`.

    The level must not be `off`.
    """
    return level.removesuffix(AFTER)


def is_after_activation(level: str) -> bool:
    """Returns whether a level of the factor `norm` places the normalization after the activation."""
    return level.endswith(AFTER)


def makes_bias_redundant(level: str) -> bool:
    """Returns whether a level of the factor `norm` cancels the bias of the preceding layer.

    A normalization after the activation cancels no bias.
    """
    return level != OFF and not is_after_activation(level) and NORMS[norm_name(level)].makes_bias_redundant
