"""The normalizations by name: what is known of each without torch; `nn` holds their kernels under the same names."""

from dataclasses import dataclass

OFF, AFTER = "off", "-post"


@dataclass(frozen=True)
class NormInfo:
    """Facts about one normalization.

    Attributes:
        about: One line for a help text.
        makes_bias_redundant: Whether it subtracts a mean for each unit, and with it the bias of the layer before.
        seconds: What an element of a hidden layer costs in one step, forward and backward, on one core.
    """

    about: str
    makes_bias_redundant: bool = False
    seconds: float = 4e-9


NORMS: dict[str, NormInfo] = {
    "batch": NormInfo("over the samples of a batch (Ioffe and Szegedy, 2015)", makes_bias_redundant=True),
}

# Levels of the factor `norm`: none, each normalization before the activation, and each after it.
NORM_LEVELS = (OFF, *(name + place for name in NORMS for place in ("", AFTER)))
# Other spellings of a level: where batch norm stands, as `--batch-norm off,pre,post` says it.
NORM_ALIASES = {"pre": "batch", "post": "batch" + AFTER}


def norm_name(level: str) -> str:
    """Returns the key of `NORMS` that a level other than `off` stands for: `batch` for `batch-post`."""
    return level.removesuffix(AFTER)


def is_after_activation(level: str) -> bool:
    """Says whether a level places the normalization after the activation."""
    return level.endswith(AFTER)


def makes_bias_redundant(level: str) -> bool:
    """Says whether a level subtracts the bias of the layer before it again: not after an activation."""
    return level != OFF and not is_after_activation(level) and NORMS[norm_name(level)].makes_bias_redundant
