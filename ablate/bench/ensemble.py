"""The vmap rival: networks of one kind stacked by `torch.func`, trained as an ensemble."""

from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from ablate.bench.plain import PlainData, Scores, optimizer_of, plain_module, set_rate
from ablate.experiment.grid import Run, evaluation_steps

# Samples of one pass of an evaluation; each goes through all members.
_CHUNK = 250


class StackableDropout(nn.Module):
    """Inverted dropout whose rate is a buffer: what is a Python number in a module is the first member's for all.

    Only active in training.
    """

    rate: Tensor

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.register_buffer("rate", torch.tensor(rate))

    def forward(self, x: Tensor) -> Tensor:
        """Drops units of x, of any shape."""
        return x * (torch.rand_like(x) >= self.rate) / (1 - self.rate) if self.training else x


class Ensemble:
    """Runs that differ in dropout and seed alone, as one network.

    Args:
        runs: The members.
        data: What they are trained on.
    """

    def __init__(self, runs: Sequence[Run], data: PlainData) -> None:
        self.run, self.data, self.members = runs[0], data, len(runs)
        drops = any(any(run.dropout) for run in runs)
        modules = [plain_module(run, data, StackableDropout if drops else lambda rate: None) for run in runs]
        self.parameters, self.buffers = stack_module_state(modules)
        self.base = deepcopy(modules[0]).to("meta")

    def train(self) -> Scores:
        """Trains the members and returns the means of their scores, one row an evaluation."""
        run, data = self.run, self.data
        optimizer = optimizer_of(run, self.parameters.values(), fused=True)
        forward = torch.vmap(self._forward, randomness="different")
        due = evaluation_steps(run, len(data.y), data.evals_per_epoch)
        per_epoch, batch = len(data.y) // run.batch_size, run.batch_size
        orders = data.y
        scores = [self._score()]
        for begin, end in pairwise(due):
            self.base.train()
            for step in range(begin, end):
                epoch, place = divmod(step, per_epoch)
                if place == 0:
                    orders = torch.stack([data.order(epoch) for _ in range(self.members)])
                set_rate(optimizer, run, step, due[-1])
                chosen = orders[:, place * batch : (place + 1) * batch]
                optimizer.zero_grad()
                logits = forward(self.parameters, self.buffers, data.x[chosen])
                labels = data.y[chosen].flatten()
                # Summed over members: a mean over all would divide each one's gradient by their number.
                loss = F.cross_entropy(logits.flatten(0, 1), labels, reduction="sum") / batch
                torch.autograd.backward(loss)
                optimizer.step()
            scores.append(self._score())
        return scores

    def _forward(self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        out: Tensor = functional_call(self.base, (parameters, buffers), (x,))
        return out

    @torch.inference_mode()
    def _score(self) -> list[float]:
        self.base.eval()
        forward = torch.vmap(self._forward, in_dims=(0, 0, None))
        found = []
        for x, y in self.data.sets:
            loss, correct = torch.zeros((), device=x.device), torch.zeros((), device=x.device)
            for some, labels in zip(torch.split(x, _CHUNK), torch.split(y, _CHUNK), strict=True):
                logits = forward(self.parameters, self.buffers, some)
                every = labels.expand(self.members, -1)
                loss += F.cross_entropy(logits.flatten(0, 1), every.flatten(), reduction="sum")
                correct += (logits.argmax(2) == every).sum()
            found += [loss.item() / every.shape[0] / len(y), correct.item() / self.members / len(y)]
        return found
