"""Random streams: every random choice is determined by a seed, a purpose and further keys."""

from hashlib import blake2b
from typing import Literal, get_args

Purpose = Literal["split", "init", "order", "dropout", "bootstrap", "video"]
# Number of seeds with which a learning rate is chosen.
TUNING_SEEDS = 3

PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


def derive(seed: int, purpose: Purpose, *keys: int | str) -> int:
    """Returns the seed of a random stream: 63 bits derived from a seed, a purpose and keys such as a layer or an epoch.

    Streams with different purposes or keys are independent, so that a random draw in one part of a run never affects
    another part. Runs of different variants with the same seed share initial weights, batch order and the uniform
    random numbers of dropout.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in (seed, purpose, *keys))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
