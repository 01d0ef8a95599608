"""The training loop that all rivals share: steps over shuffled epochs, and evaluations at scheduled steps."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablate.bench.plain_data import PlainData
from ablate.experiment.grid import Run, evaluation_steps
from ablate.experiment.optimizers import OPTIMIZERS
from ablate.training.optimizers import rate_factor

Batch = TypeVar("Batch")
# Scores of a run: one row per evaluation, the first before training. The function `score` returns one row.
Scores = list[list[float]]


def train(
    run: Run,
    data: PlainData,
    optimizer: torch.optim.Optimizer,
    batches: Callable[[int], Iterable[Batch]],
    step: Callable[[Batch], None],
    evaluate: Callable[[], list[float]],
) -> Scores:
    """Performs all training steps of a run and returns the scores of every evaluation.

    `batches` returns the batches of an epoch, counted from 0. `step` performs one training step on a batch. `evaluate`
    returns one row of scores. The optimizer's learning rate follows the run's schedule.
    """
    due = evaluation_steps(run, len(data.y), data.evals_per_epoch)
    scores, done = [evaluate()], 0
    for epoch in range(run.epochs):
        for batch in batches(epoch):
            _set_rate(optimizer, run, done, due[-1])
            step(batch)
            done += 1
            if done in due:
                scores.append(evaluate())
    return scores


def optimizer_of(run: Run, parameters: Iterable[Tensor], fused: bool | None) -> torch.optim.Optimizer:
    """Returns the optimizer from `torch.optim` with a run's settings.

    `fused=None` leaves the choice of the optimizer's kernels to torch.
    """
    settings = {"lr": run.learning_rate, "weight_decay": run.weight_decay, "fused": fused}
    if OPTIMIZERS[run.optimizer].has_momentum:
        settings["momentum"] = run.momentum
    return TORCH_OPTIMIZERS[run.optimizer](parameters, **settings)


def _set_rate(optimizer: torch.optim.Optimizer, run: Run, step: int, steps: int) -> None:
    if run.schedule == "constant":
        return
    rate = run.learning_rate * rate_factor(run.schedule, step, steps)
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


@torch.inference_mode()
def score(
    network: nn.Module, data: PlainData, infer: Callable[[Tensor], Tensor] | None = None, chunk: int = 1000
) -> list[float]:
    """Returns the loss and the accuracy in eval mode, first on the training subset and then on the validation set.

    `infer` computes the logits, shape (samples, classes); the default is the network itself. The logits may have
    further axes in front, such as one for the networks of an ensemble. The scores are means over the further axes.
    `chunk` is the number of samples per forward pass, small enough for the outputs of layers to fit into the cache.
    After scoring, the network is in training mode.
    """
    network.eval()
    scores = []
    for x, y in data.sets:
        loss, correct = torch.zeros((), device=x.device), torch.zeros((), dtype=torch.int64, device=x.device)
        for some, labels in zip(torch.split(x, chunk), torch.split(y, chunk), strict=True):
            logits = (infer or network)(some)
            labels = labels.expand(logits.shape[:-1])
            loss += F.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="sum")
            correct += (logits.argmax(-1) == labels).sum()
        count = logits.shape[:-2].numel() * len(y)
        scores += [loss.item() / count, correct.item() / count]
    network.train()
    return scores


TORCH_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
