"""The rivals that train one run after another with `torch.nn` and `torch.optim`."""

from collections.abc import Callable, Iterable
from functools import partial

from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ablate.bench.loop import Scores, optimizer_of, score, train
from ablate.bench.plain_data import CHANNELS_LAST, PlainData
from ablate.experiment.grid import Run
from ablate.nn.build import architecture_of, member_of
from ablate.nn.mlp import MLP
from ablate.nn.reference import PlainChannelDropout, PlainDropout, plain_conv_network, plain_network

# A function that returns the batches of an epoch, each with samples and labels.
Batches = Callable[[int], Iterable[list[Tensor]]]


def tuned_loop(network: nn.Module, run: Run, data: PlainData) -> Scores:
    """Trains one run in the fastest way that does not stack runs, and returns the scores of all evaluations.

    Pictures and videos are in the channels-last memory format, in which convolutions are faster.
    """
    if data.x.ndim in CHANNELS_LAST:
        network = network.to(memory_format=CHANNELS_LAST[data.x.ndim])
        data = data.with_channels_last()
    optimizer = optimizer_of(run, network.parameters(), fused=True)
    criterion = nn.CrossEntropyLoss()

    def step(batch: Tensor) -> None:
        optimizer.zero_grad()
        criterion(network(data.x[batch]), data.y[batch]).backward()
        optimizer.step()

    batches = partial(data.batches, run.batch_size)
    return train(run, data, optimizer, batches, step, partial(score, network, data))


def stock_loop(network: nn.Module, run: Run, data: PlainData, batches: Batches | None = None) -> Scores:
    """Trains one run with a typical PyTorch loop, and returns the scores of all evaluations.

    By default, the batches of an epoch are consecutive slices of the training data in a random order.
    """
    optimizer = optimizer_of(run, network.parameters(), fused=None)
    criterion, losses = nn.CrossEntropyLoss(), 0.0

    def step(batch: list[Tensor]) -> None:
        nonlocal losses
        x, y = batch
        optimizer.zero_grad()
        loss = criterion(network(x), y)
        loss.backward()
        optimizer.step()
        losses += loss.item()

    def slices(epoch: int) -> Iterable[list[Tensor]]:
        return ([data.x[batch], data.y[batch]] for batch in data.batches(run.batch_size, epoch))

    return train(run, data, optimizer, batches or slices, step, partial(score, network, data))


def dataloader_loop(network: nn.Module, run: Run, data: PlainData) -> Scores:
    """Trains one run with a typical PyTorch loop and a DataLoader, and returns the scores of all evaluations."""
    loader = DataLoader(TensorDataset(data.x, data.y), run.batch_size, shuffle=True, drop_last=True)
    return stock_loop(network, run, data, lambda epoch: loader)


def plain_module(
    run: Run, data: PlainData, dropout: Callable[[float], nn.Module | None] | None = None
) -> nn.Module:
    """Returns a run's network from `nn.reference`, with torch's own dropout layers, on the device of the data.

    `dropout` is a function that makes the dropout layer for a rate, or returns None for no layer. By default, the
    dropout layer is `torch.nn.Dropout` for rates above 0.
    """
    architecture, member = architecture_of(run, tuple(data.x.shape[1:]), data.classes), member_of(run)
    if isinstance(architecture, MLP):
        network = plain_network(architecture, member)
    else:
        network = plain_conv_network(architecture, member)
    make = dropout or (lambda rate: nn.Dropout(rate) if rate else None)
    channel_dropout = nn.Dropout2d if run.model == "cnn" else nn.Dropout3d

    def with_torchs_dropout(layer: nn.Module) -> nn.Module | None:
        if isinstance(layer, PlainChannelDropout):  # a subclass of `PlainDropout`, so tested first
            return channel_dropout(layer.rate) if layer.rate else None
        return make(layer.rate) if isinstance(layer, PlainDropout) else layer

    layers = map(with_torchs_dropout, network)
    return nn.Sequential(*(layer for layer in layers if layer is not None)).to(data.x.device)
