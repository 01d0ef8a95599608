"""Random streams: every random choice is a pure function of (seed, purpose, keys)."""

from hashlib import blake2b
from typing import Literal, get_args

Purpose = Literal["split", "init", "order", "dropout", "bootstrap", "video"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


def derive(seed: int, purpose: Purpose, *keys: int | str) -> int:
    """Returns the 63-bit seed of the stream that belongs to a seed, a purpose and further keys (a layer, an epoch).

    Streams of different purposes or keys are independent, so a draw in one part of a run never changes a draw in
    another: variants of one seed share their initial weights, their batch order and their dropout uniforms.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in (seed, purpose, *keys))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
