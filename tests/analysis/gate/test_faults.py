from ablate.analysis.gate.faults import self_test
from ablate.analysis.gate.metrics import chosen_metrics
from tests.analysis.gate.frames import METRICS, runs, side


def test_the_self_test_finds_every_fault_and_a_deaf_gate_does_not():
    assert all(trial.passed for trial in self_test(side(runs()), METRICS, 0.05))
    deaf = chosen_metrics(["val_accuracy"], ["val_accuracy=500%"])
    trials = {trial.fault: trial for trial in self_test(side(runs(seeds=range(2))), deaf, 0.05)}
    assert not trials["A/A pair"].passed
    few = list(self_test(side(runs()), METRICS, 1e-6))
    assert not all(trial.passed for trial in few)
