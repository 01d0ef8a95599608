"""The rival `vmap`: runs that differ only in dropout and seed are trained as one ensemble by `torch.func`."""

from collections.abc import Sequence
from copy import deepcopy
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from ablate.bench.loop import Scores, optimizer_of, score, train
from ablate.bench.plain import plain_module
from ablate.bench.plain_data import PlainData
from ablate.experiment.grid import Run

# Number of samples per forward pass of an evaluation; every member processes each sample.
_CHUNK = 250


class StackableDropout(nn.Module):
    """Inverted dropout with its rate in a buffer, so that each network of an ensemble has a rate of its own.

    In eval mode, the layer returns its input unchanged. If the rate were a Python number, all networks of the ensemble
    would use the rate of the first network.
    """

    rate: Tensor

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.register_buffer("rate", torch.tensor(rate))

    def forward(self, x: Tensor) -> Tensor:
        """Applies dropout to x, a tensor of any shape."""
        return x * (torch.rand_like(x) >= self.rate) / (1 - self.rate) if self.training else x


class Ensemble:
    """Runs that differ only in dropout and seed, whose networks are combined into one by `torch.func`."""

    def __init__(self, runs: Sequence[Run], data: PlainData) -> None:
        self.run, self.data, self.members = runs[0], data, len(runs)
        drops = any(any(run.dropout) for run in runs)
        modules = [plain_module(run, data, StackableDropout if drops else lambda rate: None) for run in runs]
        self.parameters, self.buffers = stack_module_state(modules)
        self.base = deepcopy(modules[0]).to("meta")

    def train(self) -> Scores:
        """Trains the runs together and returns the means of their scores, one row per evaluation."""
        data, batch_size = self.data, self.run.batch_size
        optimizer = optimizer_of(self.run, self.parameters.values(), fused=True)
        forward = torch.vmap(self._forward, randomness="different")
        forward_shared = torch.vmap(self._forward, in_dims=(0, 0, None))  # all members on the same samples

        def batches(epoch: int) -> Tensor:
            return torch.stack([data.batches(batch_size, epoch) for _ in range(self.members)], dim=1)

        def step(batch: Tensor) -> None:
            optimizer.zero_grad()
            logits = forward(self.parameters, self.buffers, data.x[batch])
            # The loss is a sum over members: a mean would divide each member's gradient by the number of members.
            loss = F.cross_entropy(logits.flatten(0, 1), data.y[batch].flatten(), reduction="sum")
            torch.autograd.backward(loss / batch_size)
            optimizer.step()

        infer = partial(forward_shared, self.parameters, self.buffers)
        return train(self.run, data, optimizer, batches, step, partial(score, self.base, data, infer, _CHUNK))

    def _forward(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        logits: Tensor = functional_call(self.base, (parameters, buffers), (x,))
        return logits
