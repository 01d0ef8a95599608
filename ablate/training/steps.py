"""The training steps of a stack; on CUDA, one step is recorded as a CUDA graph and then replayed."""

from functools import cache

import torch
from torch import Tensor

from ablate.experiment.grid import Run
from ablate.nn.stacked import StackedNetwork
from ablate.training.batches import Batches
from ablate.training.optimizers import optimizer_for, rate_factor

# Number of steps before the recording. In the first step, libraries choose their kernels and layers allocate buffers.
WARM_UP = 3


class Steps:
    """Trains a stack step by step. All buffers that a step uses are permanent.

    All data that the CPU provides (indices of samples, random numbers for dropout, the learning rate) is written to
    buffers before a step. A step on a GPU can therefore be replayed from a `torch.cuda.CUDAGraph` with one launch.

    Args:
        network: Network whose parameters are updated in place.
        batches: Batches of the same stack.
        run: Any run of the stack; all runs share the settings that affect a step.
        total: Total number of training steps, on which the learning-rate schedule depends.
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
        """Performs one training step and returns the loss of each run as a new tensor of shape (runs,).

        Steps are counted from 0.
        """
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
        """Performs a training step on the CUDA stream that is also used for recording.

        CUDA requires that the warm-up steps before the recording do not use the default stream.
        """
        stream = _side_stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            losses = self._step()
        torch.cuda.current_stream().wait_stream(stream)
        return losses


@cache
def _side_stream() -> torch.cuda.Stream:
    """Returns the CUDA stream for recording steps, one per process because each stream allocates a workspace."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's own gap
