from ablate.analysis.gate.verdict import STATUS, Reason, Verdict
from tests.analysis.gate.frames import finding, gate, runs, with_status


def test_a_run_that_diverges_fails_and_one_that_diverged_before_does_not():
    broken = with_status(runs(), "diverged", "relu", 3)
    comparison, why = gate(runs(), broken)
    assert finding(comparison, "relu", STATUS).verdict is Verdict.FAILED
    assert "seed 3 diverged" in finding(comparison, "relu", STATUS).note
    assert why == (Reason.FAILED_RUNS,)
    assert gate(broken, broken)[1] == ()
    assert finding(gate(broken, runs())[0], "relu", STATUS).verdict is Verdict.IMPROVED
    died = with_status(runs(), "failed", "relu", 3)
    assert gate(died, died)[1] == (Reason.FAILED_RUNS,)


def test_a_variant_whose_every_run_diverges_is_not_measured():
    broken = with_status(runs(), "diverged", "relu", *range(6))
    comparison, why = gate(runs(), broken)
    assert why == (Reason.FAILED_RUNS,)
    assert {each.metric for each in comparison.findings if each.variant.startswith("relu")} == {STATUS}
    assert gate(broken, broken)[1] == ()
