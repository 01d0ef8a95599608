"""The state of a stack in training, written from time to time, so that another process can go on with the training.

The state consists of the parameters, the running statistics, the tensors of the optimizer, and the record (see
`Record`). Random numbers are not stored, because they depend only on seed and step.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ablate.errors import StoreError
from ablate.experiment.plan import Stack
from ablate.store.checkpoints import LIBRARY, RUNS, Arrays, Checkpoint, Facts
from ablate.training.record import Record
from ablate.training.result import Divergence, MatmulLibrary
from ablate.training.steps import Steps

SECONDS = 60.0
# Writing takes at most this share of the training time.
_SHARE = 0.01


class Checkpointing:
    """Writes the state of a stack to its checkpoint at intervals, and restores the state from the checkpoint.

    Args:
        checkpoint: Checkpoint of the stack.
        identity: What the bits of a state depend on. A checkpoint with another identity is not used.
        seconds: Shortest time from one write to the next.
    """

    def __init__(self, checkpoint: Checkpoint, identity: Mapping[str, Any], seconds: float = SECONDS) -> None:
        self.checkpoint, self.seconds = checkpoint, seconds
        self.identity = dict(identity)
        self.due = time.monotonic() + seconds

    def save_if_due(self, steps: Steps, record: Record, seconds: float) -> None:
        """Writes the state if a write is due. `seconds` is the time that training has taken so far."""
        begin = time.monotonic()
        if begin < self.due:
            return
        tensors = _tensors(steps) | record.tensors()
        divergences = {str(run): [end.step, end.message] for run, end in record.divergences.items()}
        facts = {
            "steps": record.steps,
            "divergences": divergences,
            "seconds": seconds,
            "layers": record.layers,
        }
        # Training goes on without a checkpoint if, for example, the disk is full.
        with suppress(OSError):
            arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
            self.checkpoint.write(arrays, self.identity | facts)
        end = time.monotonic()
        self.due = end + max(self.seconds, (end - begin) / _SHARE)

    def restore(self, steps: Steps, record: Record, due: Sequence[int]) -> float:
        """Restores the state and returns the seconds that its training took; returns 0 if no checkpoint is usable.

        A checkpoint is usable if its identity equals `self.identity`, if it holds exactly the tensors of this stack,
        and if its scores of the untrained network equal those in `record` in all bits.

        Args:
            steps: Steps of the stack, none of which has been taken.
            record: Record of the stack, which holds only the scores of the untrained network.
            due: Steps after which the stack is evaluated.
        """
        try:
            arrays, facts = self.checkpoint.read() or ({}, {})
        except StoreError:
            return 0.0
        if not (
            facts and self.identity.items() <= facts.items() and _fits(arrays, facts, steps, record, due)
        ):
            return 0.0
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        for name, tensor in _tensors(steps).items():
            tensor.copy_(tensors[name])
        record.restore(tensors, facts["layers"])
        record.steps = list(facts["steps"])
        record.divergences = {int(run): Divergence(*end) for run, end in facts["divergences"].items()}
        return float(facts["seconds"])


def identity(stack: Stack, device: str, library: MatmulLibrary) -> Facts:
    """Returns the facts on which the bits of a stack's state depend. The ids of runs cover the numerics version."""
    return {
        RUNS: [run.run_id for run in stack.runs],
        "padding": stack.padding,
        "evals_per_epoch": stack.evals_per_epoch,
        "diagnostics": stack.runs[0].diagnostics,
        "torch": torch.__version__,
        "device": device.partition(":")[0],
        LIBRARY: library,
    }


def _tensors(steps: Steps) -> dict[str, Tensor]:
    """Returns the tensors that training changes and that the next step reads, by name."""
    parameters = steps.network.parameters
    tensors = {"parameters": parameters.flat}
    tensors |= {
        f"value {name}": value for name, value in parameters.values.items() if name not in parameters.grads
    }
    return tensors | {f"optimizer {name}": value for name, value in steps.optimizer.state().items()}


def _fits(arrays: Arrays, facts: Facts, steps: Steps, record: Record, due: Sequence[int]) -> bool:
    done, layers = facts["steps"], facts["layers"]
    if done != list(due[: len(done)]) or layers[: len(record.layers)] != record.layers:
        return False
    wanted = {
        name: (tuple(value.shape), value.cpu().numpy().dtype) for name, value in _tensors(steps).items()
    }
    first = {name: value.cpu().numpy() for name, value in record.tensors().items()}
    wanted |= {name: ((len(done), *value.shape[1:]), value.dtype) for name, value in first.items()}
    if record.layers:
        shape, dtype = wanted["layers"]
        wanted["layers"] = (len(done), len(layers), *shape[2:]), dtype
    if wanted != {name: (array.shape, array.dtype) for name, array in arrays.items()}:
        return False
    return all(
        np.array_equal(arrays[name][0, : value.shape[1]], value[0], equal_nan=True)
        for name, value in first.items()
    )
