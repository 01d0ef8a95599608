"""The plain loops: one run after another, as one writes them with `torch.nn` and `torch.optim`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ablate.data.dataset import Dataset
from ablate.experiment.grid import Run, evaluation_steps
from ablate.experiment.optimizers import OPTIMIZERS
from ablate.nn.conv_shape import ConvShape
from ablate.nn.members import Member, Shape
from ablate.nn.reference import PlainChannelDropout, PlainDropout, plain_conv_network, plain_network
from ablate.training.optimizers import rate_factor

Scores = list[list[float]]

# Samples of one pass of an evaluation, so that its layers stay in the cache.
_CHUNK = 1000
_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


@dataclass(frozen=True)
class PlainData:
    """A dataset as the plain networks read it.

    Attributes:
        x: Training samples, on the device.
        y: Their labels.
        sets: Samples and labels of the two sets that are scored: of the training data, and of the validation data.
        classes: Number of labels.
        evals_per_epoch: Evaluations an epoch.
    """

    x: Tensor
    y: Tensor
    sets: tuple[tuple[Tensor, Tensor], ...]
    classes: int
    evals_per_epoch: int

    @classmethod
    def of(cls, dataset: Dataset, run: Run, evals_per_epoch: int, device: str) -> "PlainData":
        """Returns the data of a model: samples flat for an mlp, as they are for the others."""
        flat = run.model == "mlp"
        x, x_val = (part.flatten(1) if flat else part for part in (dataset.x_train, dataset.x_val))
        parts = (x, dataset.y_train, x[dataset.train_probe], dataset.y_train[dataset.train_probe])
        # Copied, since the tensors of a dataset in a file are read when they are first touched.
        x, y, *scored = (part.clone().to(device) for part in (*parts, x_val, dataset.y_val))
        sets = ((scored[0], scored[1]), (scored[2], scored[3]))
        return cls(x, y, sets, dataset.classes, evals_per_epoch)

    def head(self, samples: int) -> "PlainData":
        """Returns the same with a part of the training samples."""
        return replace(self, x=self.x[:samples], y=self.y[:samples])

    def with_channels_last(self) -> "PlainData":
        """Returns the same pictures or videos, their channels last in memory."""
        x, *scored = (
            part.contiguous(memory_format=_LAST[part.ndim]) for part in (self.x, *(x for x, _ in self.sets))
        )
        sets = tuple((part, y) for part, (_, y) in zip(scored, self.sets, strict=True))
        return replace(self, x=x, sets=sets)

    def order(self, epoch: int) -> Tensor:
        """Returns the order of the training samples in an epoch, another one each time."""
        del epoch
        return torch.randperm(len(self.y), device=self.y.device)


def plain_module(
    run: Run, data: PlainData, dropout: Callable[[float], nn.Module | None] | None = None
) -> nn.Module:
    """Returns the reference's network of a run with dropout as torch has it.

    Args:
        run: With the seed of the initial values.
        data: Sizes of inputs and outputs, and the device.
        dropout: Returns the layer for a rate, or None for no layer; by default `torch.nn.Dropout` for rates above 0.
    """
    network = _reference(run, tuple(data.x.shape[1:]), data.classes)
    make = dropout or (lambda rate: nn.Dropout(rate) if rate else None)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, PlainDropout):
                layer = make(child.rate)
            elif isinstance(child, PlainChannelDropout):
                layer = (
                    (nn.Dropout2d if run.model == "cnn" else nn.Dropout3d)(child.rate) if child.rate else None
                )
            else:
                continue
            delattr(parent, name) if layer is None else setattr(parent, name, layer)
    return network.to(data.x.device)


def _reference(run: Run, sample: tuple[int, ...], classes: int) -> nn.Module:
    member = Member(run.activation, run.dropout, run.seed)
    if run.model == "mlp":
        return plain_network(Shape(prod(sample), run.hidden, classes, run.norm), member)
    shape = ConvShape(run.model, sample, run.channels, run.hidden, classes, run.norm)
    return plain_conv_network(shape, member)


TORCH_OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def optimizer_of(run: Run, parameters: Iterable[Tensor], fused: bool | None) -> torch.optim.Optimizer:
    """Returns torch's optimizer of a run's settings; `fused` of None is torch's own default."""
    settings = {"lr": run.learning_rate, "weight_decay": run.weight_decay, "fused": fused}
    if OPTIMIZERS[run.optimizer].has_momentum:
        settings["momentum"] = run.momentum
    return TORCH_OPTIMIZERS[run.optimizer](parameters, **settings)


def set_rate(optimizer: torch.optim.Optimizer, run: Run, step: int, steps: int) -> None:
    """Sets the learning rate of a step where the schedule changes it."""
    if run.schedule != "constant":
        for group in optimizer.param_groups:
            group["lr"] = run.learning_rate * rate_factor(run.schedule, step, steps)


def tuned_loop(network: nn.Module, run: Run, data: PlainData) -> Scores:
    """Trains one run the fastest way without fusion and returns its scores, one row an evaluation, see `score`.

    Pictures and videos have their channels last, in which convolutions are faster.
    """
    if data.x.ndim > 3:
        network, data = network.to(memory_format=_LAST[data.x.ndim]), data.with_channels_last()
    optimizer = optimizer_of(run, network.parameters(), fused=True)
    criterion, batch = nn.CrossEntropyLoss(), run.batch_size
    due = evaluation_steps(run, len(data.y), data.evals_per_epoch)
    per_epoch = len(data.y) // batch
    shuffled = data.y
    scores = [score(network, data)]
    for begin, end in pairwise(due):
        network.train()
        for step in range(begin, end):
            epoch, place = divmod(step, per_epoch)
            if place == 0:
                shuffled = data.order(epoch)
            set_rate(optimizer, run, step, due[-1])
            chosen = shuffled[place * batch : (place + 1) * batch]
            optimizer.zero_grad()
            criterion(network(data.x[chosen]), data.y[chosen]).backward()
            optimizer.step()
        scores.append(score(network, data))
    return scores


def stock_loop(network: nn.Module, run: Run, data: PlainData) -> Scores:
    """Trains one run as most write it."""
    return _usual_loop(network, run, data, _sliced(run, data))


def dataloader_loop(network: nn.Module, run: Run, data: PlainData) -> Scores:
    """Trains one run as most write it, with a DataLoader."""
    loader = DataLoader(TensorDataset(data.x, data.y), run.batch_size, shuffle=True, drop_last=True)
    return _usual_loop(network, run, data, lambda epoch: iter(loader))


def _usual_loop(
    network: nn.Module, run: Run, data: PlainData, batches: Callable[[int], Iterable[tuple[Tensor, Tensor]]]
) -> Scores:
    optimizer = optimizer_of(run, network.parameters(), fused=None)
    criterion, step = nn.CrossEntropyLoss(), 0
    due = evaluation_steps(run, len(data.y), data.evals_per_epoch)
    scores, running = [score(network, data)], 0.0
    for epoch in range(run.epochs):
        network.train()
        for x, y in batches(epoch):
            set_rate(optimizer, run, step, due[-1])
            optimizer.zero_grad()
            loss = criterion(network(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
            step += 1
            if step in due:
                scores.append(score(network, data))
                network.train()
    return scores


def _sliced(run: Run, data: PlainData) -> Callable[[int], Iterator[tuple[Tensor, Tensor]]]:
    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = data.order(epoch)
        for start in range(0, len(order) - run.batch_size + 1, run.batch_size):
            chosen = order[start : start + run.batch_size]
            yield data.x[chosen], data.y[chosen]

    return batches


@torch.inference_mode()
def score(network: nn.Module, data: PlainData) -> list[float]:
    """Returns loss and accuracy in eval mode on the training subset, then on the validation set."""
    network.eval()
    found = []
    for x, y in data.sets:
        loss, correct = torch.zeros((), device=x.device), torch.zeros((), dtype=torch.int64, device=x.device)
        for some, labels in zip(torch.split(x, _CHUNK), torch.split(y, _CHUNK), strict=True):
            logits = network(some)
            loss += nn.functional.cross_entropy(logits, labels, reduction="sum")
            correct += (logits.argmax(1) == labels).sum()
        found += [loss.item() / len(y), correct.item() / len(y)]
    return found
