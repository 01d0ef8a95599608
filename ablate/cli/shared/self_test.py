"""`ablate gate --self-test`: planted faults must fail the gate, an A/A pair must pass it."""

from ablate.analysis.gate.faults import self_test
from ablate.analysis.gate.sides import Side
from ablate.cli.shared.comparing import Judging
from ablate.cli.shared.confirm import scored_runs
from ablate.cli.shared.running import Training
from ablate.experiment.spec import build
from ablate.report.simulated import marked

_SIMULATED = {"activation": "relu,tanh", "norm": "off", "dropout": "0,0.5", "seeds": "6", "epochs": "4"}
_TARGET = 0.8


def passes_self_test(baseline: Side | None, judging: Judging) -> bool:
    """Plants faults into a baseline or simulated results, prints a line per trial and returns whether all pass."""
    if baseline is None:
        runs = scored_runs([build(_SIMULATED)], _TARGET, Training(executor="fake", device="cpu"))
        baseline = Side(runs, _TARGET)
    simulated = bool(baseline.runs["simulated"].any())
    trials = list(self_test(baseline, judging.metrics, judging.alpha))
    for trial in trials:
        found, expected = (", ".join(reasons) or "passed" for reasons in (trial.found, trial.expected))
        mark, wish = ("ok    ", "") if trial.passed else ("WRONG ", f", expected {expected}")
        print(marked(f"{mark} {trial.fault}: {found}{wish}", simulated))
    passed = sum(trial.passed for trial in trials)
    outcome = "passed" if passed == len(trials) else "failed"
    print(marked(f"self-test {outcome}: {passed} of {len(trials)} trials as expected", simulated))
    return passed == len(trials)
