"""`ablate gate --self-test`: faults planted into a copy must turn the gate red, an A/A pair must leave it green."""

import pandas as pd

from ablate.analysis.gate_faults import Trial, self_test
from ablate.analysis.gate_match import Side, score
from ablate.cli.shared.comparing import Judging
from ablate.execution.executor import FakeExecutor
from ablate.execution.rows import Identity, trained_tables
from ablate.experiment.grid import expand, varied
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.training.result import StackResult

_MADE_UP = {"activation": "relu,tanh", "norm": "off", "dropout": "0,0.5", "seeds": "6", "epochs": "4"}
_TARGET = 0.8


def tested(baseline: Side | None, judging: Judging) -> bool:
    """Prints a line for each trial and returns whether the gate passed all of them.

    Args:
        baseline: What faults are planted in; None for made-up results.
        judging: How the gate would judge.
    """
    trials = list(self_test(baseline or _made_up(), judging.metrics, judging.alpha))
    for trial in trials:
        print(f"{'ok    ' if trial.passed else 'WRONG '} {trial.fault}: {_told(trial)}")
    wrong = sum(not trial.passed for trial in trials)
    print(
        f"self-test {'failed' if wrong else 'passed'}: {len(trials) - wrong} of {len(trials)} trials as expected"
    )
    return not wrong


def _told(trial: Trial) -> str:
    found, expected = (", ".join(found) or "passed" for found in (trial.found, trial.expected))
    return found if trial.passed else f"{found}, expected {expected}"


def _made_up() -> Side:
    experiment = build(_MADE_UP)
    sizes = sizes_of(experiment)
    identity = Identity(experiment.dataset, experiment.model, varied(experiment), sizes.train)
    plan = make_plan(expand(experiment), sizes, 1)
    made = FakeExecutor(sizes).run(plan.stacks, lambda steps: None)
    parts = [
        trained_tables(stack, result, identity) for stack, result in made if isinstance(result, StackResult)
    ]
    runs, curves = (
        pd.concat([part[table] for part in parts], ignore_index=True) for table in ("runs", "curves")
    )
    return Side(score(runs, curves, _TARGET), _TARGET)
