"""`ablate gate --self-test`: planted faults must fail the gate, an A/A pair must pass it."""

from ablate.analysis.gate.faults import Trial, self_test
from ablate.analysis.gate.sides import Side
from ablate.cli.shared.comparing import Judging
from ablate.cli.shared.confirm import scored_runs
from ablate.cli.shared.running import Training
from ablate.experiment.spec import build
from ablate.report.simulated import marked

_SIMULATED = {"activation": "relu,tanh", "norm": "off", "dropout": "0,0.5", "seeds": "6", "epochs": "4"}
_TARGET = 0.8


def passes_self_test(baseline: Side | None, judging: Judging) -> bool:
    """Prints a line per trial and returns whether the gate passes all of them.

    Args:
        baseline: What faults are planted into; None for simulated results.
        judging: How the gate would judge.
    """
    if baseline is None:
        runs = scored_runs([build(_SIMULATED)], _TARGET, Training(executor="fake", device="cpu"))
        baseline = Side(runs, _TARGET)
    simulated = bool(baseline.runs["simulated"].any())
    trials = list(self_test(baseline, judging.metrics, judging.alpha))
    for trial in trials:
        line = f"{'ok    ' if trial.passed else 'WRONG '} {trial.fault}: {_outcome(trial)}"
        print(marked(line, simulated))
    wrong = sum(not trial.passed for trial in trials)
    verdict = f"self-test {'failed' if wrong else 'passed'}"
    print(marked(f"{verdict}: {len(trials) - wrong} of {len(trials)} trials as expected", simulated))
    return not wrong


def _outcome(trial: Trial) -> str:
    found, expected = (", ".join(reasons) or "passed" for reasons in (trial.found, trial.expected))
    return found if trial.passed else f"{found}, expected {expected}"
