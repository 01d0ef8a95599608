"""The CUDA graph rival: the plain loop whose step is captured once a run and replayed."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from ablate.bench.plain import PlainData, Scores, optimizer_of, score
from ablate.experiment.grid import Run, evaluation_steps
from ablate.training.optimizers import rate_factor

# Steps before the capture, which set up what the libraries and the optimizer allocate at first use.
_WARM_UP_STEPS = 3


def captured_loop(network: nn.Module, run: Run, data: PlainData) -> Scores:
    """Trains one run on CUDA, each step a replay, and returns its scores; the capture is part of the work."""
    device = data.x.device
    # A rate that is to change between replays has to be a tensor; one that does not is best a number.
    rate = torch.tensor(run.learning_rate, device=device) if run.schedule != "constant" else None
    optimizer = optimizer_of(run, network.parameters(), fused=True)
    for group in optimizer.param_groups:
        group["capturable"] = run.optimizer != "sgd"
        group["lr"] = run.learning_rate if rate is None else rate
    chosen = torch.arange(run.batch_size, device=device)
    due = evaluation_steps(run, len(data.y), data.evals_per_epoch)
    per_epoch = len(data.y) // run.batch_size
    scores = [score(network, data)]
    network.train()
    graph = _capture(network, optimizer, data, chosen)
    shuffled = data.y
    for begin, end in pairwise(due):
        network.train()
        for step in range(begin, end):
            epoch, place = divmod(step, per_epoch)
            if place == 0:
                shuffled = data.order(epoch)
            if rate is not None:
                rate.fill_(run.learning_rate * rate_factor(run.schedule, step, due[-1]))
            chosen.copy_(shuffled[place * run.batch_size : (place + 1) * run.batch_size])
            graph.replay()
        scores.append(score(network, data))
    return scores


def _capture(
    network: nn.Module, optimizer: torch.optim.Optimizer, data: PlainData, chosen: Tensor
) -> torch.cuda.CUDAGraph:
    """Returns a step on the samples that `chosen` names when it is replayed; parameters and buffers are as before."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own gap
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP_STEPS):
            _step(network, optimizer, data, chosen)
    torch.cuda.current_stream().wait_stream(stream)
    # Without gradients backward makes them in the graph's own memory, and each replay writes them anew.
    optimizer.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        _step(network, optimizer, data, chosen, zero=False)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            value.copy_(before[name])
        for state in optimizer.state.values():
            for value in state.values():
                if isinstance(value, Tensor):
                    value.zero_()
    return graph


def _step(
    network: nn.Module, optimizer: torch.optim.Optimizer, data: PlainData, chosen: Tensor, zero: bool = True
) -> None:
    if zero:
        optimizer.zero_grad(set_to_none=True)
    x, y = data.x.index_select(0, chosen), data.y.index_select(0, chosen)
    torch.autograd.backward(nn.functional.cross_entropy(network(x), y))
    optimizer.step()
