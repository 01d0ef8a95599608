"""`ablate gate --self-test`: planted faults must fail the gate, an A/A pair must pass it."""

import pandas as pd

from ablate.analysis.gate_faults import Trial, self_test
from ablate.analysis.gate_match import Side, score
from ablate.cli.shared.comparing import Judging
from ablate.execution.executor import FakeExecutor
from ablate.execution.rows import RowContext, trained_tables
from ablate.experiment.grid import expand, varied
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.training.result import StackResult

_SIMULATED = {"activation": "relu,tanh", "norm": "off", "dropout": "0,0.5", "seeds": "6", "epochs": "4"}
_TARGET = 0.8


def passes(baseline: Side | None, judging: Judging) -> bool:
    """Prints a line per trial and returns whether the gate passes all of them.

    Args:
        baseline: What faults are planted into; None for simulated results.
        judging: How the gate would judge.
    """
    trials = list(self_test(baseline or _simulated(), judging.metrics, judging.alpha))
    for trial in trials:
        print(f"{'ok    ' if trial.passed else 'WRONG '} {trial.fault}: {_outcome(trial)}")
    wrong = sum(not trial.passed for trial in trials)
    print(
        f"self-test {'failed' if wrong else 'passed'}: {len(trials) - wrong} of {len(trials)} trials as expected"
    )
    return not wrong


def _outcome(trial: Trial) -> str:
    found, expected = (", ".join(reasons) or "passed" for reasons in (trial.found, trial.expected))
    return found if trial.passed else f"{found}, expected {expected}"


def _simulated() -> Side:
    experiment = build(_SIMULATED)
    sizes = sizes_of(experiment)
    context = RowContext(experiment.dataset, experiment.model, varied(experiment), sizes.train)
    plan = make_plan(expand(experiment, simulated=True), sizes, 1)
    tables = [
        trained_tables(stack, result, context)
        for stack, result in FakeExecutor(sizes).run(plan.stacks, lambda steps: None)
        if isinstance(result, StackResult)
    ]
    runs, curves = (
        pd.concat([table[name] for table in tables], ignore_index=True) for name in ("runs", "curves")
    )
    return Side(score(runs, curves, _TARGET), _TARGET)
