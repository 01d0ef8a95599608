"""The steps of a stack: computed directly on a CPU, and on CUDA recorded once and replayed as one graph."""

from functools import cache

import torch
from torch import Tensor

from ablate.experiment.grid import Run
from ablate.nn.stacked import StackedNetwork
from ablate.training.batches import Batches
from ablate.training.optimizers import optimizer_for, rate_factor

# Steps before one is recorded: in the first, libraries choose their kernels and layers make their buffers.
WARM_UP = 3


class Steps:
    """Trains a stack step by step; all buffers of a step are permanent.

    What needs the host (indices of samples, uniforms, the rate) is written to buffers before a step, so that on CUDA
    the step itself can be replayed from a `torch.cuda.CUDAGraph`, at the cost of one launch.

    Args:
        network: Its parameters are changed in place.
        batches: Of the same stack.
        run: Any run of the stack; all share the settings that a step depends on.
        total: Number of steps, which a learning-rate schedule depends on.
    """

    def __init__(self, network: StackedNetwork, batches: Batches, run: Run, total: int) -> None:
        self.network, self.batches, self.run, self.total = network, batches, run, total
        self.optimizer = optimizer_for(run, network.parameters)
        self.rate = float("nan")
        self.is_cuda = network.parameters.flat.is_cuda
        self.graph: torch.cuda.CUDAGraph | None = None
        self.eager_steps = 0
        self.losses = torch.empty(0)

    def take(self, step: int) -> Tensor:
        """Takes a step, counted from 0, and returns the loss of each run in it, a new tensor of shape (runs,)."""
        self._prepare(step)
        if not self.is_cuda:
            return self._step()
        if self.eager_steps < WARM_UP:
            self.eager_steps += 1
            return self._step_on_stream()
        if self.graph is None:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=_side_stream()):
                self.losses = self._step()
        self.graph.replay()
        return self.losses.clone()

    def _prepare(self, step: int) -> None:
        self.batches.prepare(step)
        self.network.prepare(step, self.batches.batch_size)
        rate = self.run.learning_rate * rate_factor(self.run.schedule, step, self.total)
        if rate != self.rate:
            self.rate = rate
            self.optimizer.set_rate(rate)

    def _step(self) -> Tensor:
        losses = self.network.train_step(*self.batches.gather(), self.optimizer.negative_rate)
        self.optimizer.step()
        return losses

    def _step_on_stream(self) -> Tensor:
        """Takes a step on the side stream, as recording requires of the steps before it."""
        stream = _side_stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            losses = self._step()
        torch.cuda.current_stream().wait_stream(stream)
        return losses


@cache
def _side_stream() -> torch.cuda.Stream:
    """Returns the one stream of this process that steps are recorded on; every stream takes its own workspace."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own gap
