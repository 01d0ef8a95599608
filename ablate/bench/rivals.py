"""The rivals by name: other ways to train the same runs, which are timed for comparison with ablate."""

from dataclasses import dataclass

from ablate.errors import SpecError
from ablate.experiment.models import Model
from ablate.experiment.parsers import choice, list_of


@dataclass(frozen=True)
class Rival:
    """A way to train the same runs as ablate, but without the stacked networks of ablate.

    If `is_tuned` is true, the rival has one thread and the floating-point modes and memory settings of ablate's worker
    processes. All other rivals have torch's defaults. If `is_ensemble` is true, the rival trains all runs that differ
    only in dropout and seed as one ensemble. An ensemble supports only the model `mlp`, because torch's layer for
    channel dropout would use the same rate for all networks of the ensemble.
    """

    label: str
    about: str
    is_tuned: bool = True
    is_ensemble: bool = False
    needs_cuda: bool = False


def rivals_for(wanted: str | None, device: str, model: Model) -> list[str]:
    """Returns the names of the rivals to time, by default all rivals that support the model and the device.

    Raises:
        SpecError: A wanted rival does not exist, or does not support the device or the model.
    """
    problems = {}
    for name, rival in RIVALS.items():
        if rival.needs_cuda and device != "cuda":
            problems[name] = "needs a CUDA device; leave it out or give --device cuda"
        elif rival.is_ensemble and model != "mlp":
            problems[name] = f"trains no {model}; leave it out or give --model mlp"
    if wanted is None:
        return [name for name in RIVALS if name not in problems]
    try:
        names: tuple[str, ...] = list_of(choice(*RIVALS))(wanted)
    except ValueError as error:
        raise SpecError(f"--rivals: {error}") from None
    for name in names:
        if name in problems:
            raise SpecError(f"--rivals: {name!r} {problems[name]}")
    return list(names)


RIVALS: dict[str, Rival] = {
    "loop": Rival(
        "loop",
        "one run after another: torch.nn, tensors in memory, slices of a permutation, fused optimizer, one thread, "
        "denormals flushed, memory kept",
    ),
    "stock": Rival(
        "loop, stock",
        "the same loop as most people write it: torch's default threads, default optimizer, loss read every step",
        is_tuned=False,
    ),
    "dataloader": Rival(
        "DataLoader",
        "the stock loop with a shuffling DataLoader over a TensorDataset, in its own process",
        is_tuned=False,
    ),
    "vmap": Rival(
        "vmap",
        "torch.func: all dropout rates and seeds of an activation and norm as one ensemble, fused optimizer, one "
        "thread; it cannot mix activations or norms",
        is_ensemble=True,
    ),
    "graph": Rival(
        "CUDA graph", "the loop with each step replayed from a captured CUDA graph", needs_cuda=True
    ),
}
