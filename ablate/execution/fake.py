"""An executor that simulates results instead of training."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ablate.execution.executor import Outcome
from ablate.execution.pending import Pending
from ablate.experiment.cost import Sizes, parameter_count
from ablate.experiment.grid import evaluation_steps
from ablate.experiment.plan import Stack
from ablate.experiment.seeding import derive
from ablate.store.schema import SCORES
from ablate.training.result import Floats, LayerValues, StackResult


@dataclass(frozen=True)
class FakeExecutor:
    """Computes simulated learning curves by formulas, to try out a grid, its files and its tables without training.

    The simulated validation accuracy after t steps is chance + (0.95 - chance) * (1 - exp(-rate * t)). The rate is
    drawn at random for each run, and chance is the accuracy of guessing.
    """

    sizes: Sizes
    simulated: bool = field(default=True, init=False)
    numerics: dict[str, str] = field(default_factory=lambda: {"simulated": "true"}, init=False)

    def run(
        self, pending: Pending, on_run_steps: Callable[[Stack, int], None]
    ) -> Iterator[tuple[Stack, Outcome]]:
        """Yields each stack with its simulated learning curves."""
        while stack := pending.take(0):
            result = self._curves(stack)
            on_run_steps(stack, int(result.steps[-1]) * len(stack.runs))
            yield stack, result

    def _curves(self, stack: Stack) -> StackResult:
        run = stack.runs[0]
        steps = np.array(evaluation_steps(run, self.sizes.train, stack.evals_per_epoch), dtype=np.int64)
        draws = np.array([derive(run.seed, "init", run.run_id) % 1000 for run in stack.runs])
        rates = (3 + 9 * draws / 1000) / steps[-1]
        learned = 1 - np.exp(-rates * steps[:, np.newaxis])
        curves = {name: self._score(name, learned) for name in SCORES.names}
        running_loss = curves["val_loss"].copy()
        running_loss[0] = np.nan
        return StackResult(
            steps=steps,
            epochs=steps / (self.sizes.train // run.batch_size),
            curves={"running_loss": running_loss} | curves,
            divergences=(None,) * len(stack.runs),
            parameters=(parameter_count(run, self.sizes),) * len(stack.runs),
            seconds=0.0,
            device="none",
            layers=_made_up_layers(stack, len(steps)) if run.diagnostics else None,
        )

    def _score(self, name: str, learned: Floats) -> Floats:
        """Returns the simulated values of one score column: a loss falls over the steps, any other score rises."""
        of_training = name.startswith("train_")
        if name.endswith("_loss"):
            loss = math.log(self.sizes.classes) * (1 - 0.9 * learned)
            return loss * 0.9 if of_training else loss
        chance = 1 / self.sizes.classes
        score: Floats = chance + (0.95 - chance) * learned
        return np.minimum(1.0, score + 0.02 * learned) if of_training else score


def _made_up_layers(stack: Stack, evaluations: int) -> LayerValues:
    """Returns simulated gradient norms of the layers, the same at all evaluations.

    The simulated gradient norm is 1 in the output layer and halves with each layer towards the input.
    """
    run = stack.runs[0]
    layers = [f"conv.{index}" for index in range(len(run.channels))]
    layers += [f"hidden.{index}" for index in range(len(run.hidden))] + ["output"]
    norms = np.array([0.5 ** (len(layers) - 1 - index) for index in range(len(layers))])
    values = np.broadcast_to(norms[:, np.newaxis], (evaluations, len(layers), len(stack.runs)))
    return LayerValues(tuple((layer, "gradient_norm") for layer in layers), values)
