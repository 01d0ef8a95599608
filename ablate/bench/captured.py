"""The rival `graph`: a plain training loop that captures its step as a CUDA graph and replays the graph."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ablate.bench.loop import Scores, optimizer_of, score, train
from ablate.bench.plain_data import PlainData
from ablate.experiment.grid import Run

# Number of steps before the capture. During these, libraries and the optimizer make their one-time allocations.
_WARM_UP_STEPS = 3


def captured_loop(network: nn.Module, run: Run, data: PlainData) -> Scores:
    """Trains one run on CUDA by replaying a captured training step, and returns the scores of all evaluations.

    The capture happens in this function, so that the measured time of the rival includes the capture.
    """
    device = data.x.device
    optimizer = optimizer_of(run, network.parameters(), fused=True)
    # A learning rate that changes between replays must be a tensor; a constant rate is faster as a number.
    rate = torch.tensor(run.learning_rate, device=device) if run.schedule != "constant" else run.learning_rate
    for group in optimizer.param_groups:
        group["capturable"] = run.optimizer != "sgd"
        group["lr"] = rate
    captured_batch = torch.arange(run.batch_size, device=device)

    def take_step() -> None:
        x, y = data.x.index_select(0, captured_batch), data.y.index_select(0, captured_batch)
        torch.autograd.backward(nn.functional.cross_entropy(network(x), y))
        optimizer.step()

    graph = _capture(network, optimizer, take_step)

    def step(batch: Tensor) -> None:
        captured_batch.copy_(batch)
        graph.replay()

    batches = partial(data.batches, run.batch_size)
    return train(run, data, optimizer, batches, step, partial(score, network, data))


def _capture(
    network: nn.Module, optimizer: torch.optim.Optimizer, take_step: Callable[[], None]
) -> torch.cuda.CUDAGraph:
    """Returns a CUDA graph of one training step; the capture leaves the network's parameters and buffers unchanged."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # not annotated in torch
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP_STEPS):
            optimizer.zero_grad()
            take_step()
    torch.cuda.current_stream().wait_stream(stream)
    # If no gradients exist, backward allocates them in the graph's own memory, and every replay overwrites them.
    optimizer.zero_grad()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        take_step()
    network.load_state_dict(before)  # in place
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, Tensor):
                value.zero_()
    return graph
