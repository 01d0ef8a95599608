import numpy as np
import pytest

from ablate.analysis.gate.verdict import Cause, Reason, Verdict
from tests.analysis.gate.frames import finding, gate, runs


def test_seeds_that_agree_are_paired_and_others_are_not():
    paired, _ = gate(runs(seeds=range(8)), runs(seeds=range(2, 9)))
    assert (paired.paired, paired.baseline_seeds, paired.test) == (True, tuple(range(2, 8)), "sign flips")
    assert any("2 seeds of the baseline" in note for note in paired.notes)
    apart, _ = gate(runs(seeds=range(6)), runs(seeds=range(6, 12), draw=1))
    assert (apart.paired, apart.test) == (False, "deals of seeds")
    assert finding(apart, "relu", "val_accuracy").verdict is not Verdict.REGRESSED


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_fails(value):
    new = runs()
    new.loc[0, "val_accuracy"] = value
    comparison, why = gate(runs(), new)
    found = finding(comparison, "relu", "val_accuracy")
    assert (found.verdict, found.cause) == (Verdict.FAILED, Cause.NOT_FINITE)
    assert why == (Reason.FAILED_RUNS,)
    both, why = gate(new, new)
    assert finding(both, "relu", "val_accuracy").verdict is Verdict.INCOMPARABLE
    assert why == (Reason.NOT_COMPARABLE,)
