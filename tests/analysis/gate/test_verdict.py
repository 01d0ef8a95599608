from ablate.analysis.gate.verdict import EVERY, STATUS, Cause, Reason, reasons
from tests.analysis.gate.frames import finding, gate, runs, with_loss, with_status


def test_a_regression_is_graver_than_a_failed_run():
    broken = with_status(with_loss(runs(), 0.05, "tanh"), "diverged", "relu", 0)
    assert gate(runs(), broken)[1] == (Reason.REGRESSION, Reason.FAILED_RUNS)


def test_a_variant_that_vanished_is_no_pass_unless_allowed_and_a_new_one_is_judged_by_nobody():
    both, one = runs(), runs(("relu",))
    comparison, why = gate(both, one)
    assert finding(comparison, "tanh", STATUS).cause is Cause.VANISHED
    assert why == (Reason.NOT_COMPARABLE,)
    assert reasons(comparison, allow_missing=True) == ()
    comparison, why = gate(one, both)
    assert finding(comparison, "tanh", STATUS).cause is Cause.NEW
    assert why == ()


def test_a_metric_that_vanished_is_no_pass_unless_allowed():
    comparison, why = gate(runs(), runs().drop(columns="aulc"))
    assert finding(comparison, EVERY, "aulc").cause is Cause.VANISHED
    assert why == (Reason.NOT_COMPARABLE,)
    assert reasons(comparison, allow_missing=True) == ()
    assert gate(runs().drop(columns="aulc"), runs())[1] == ()
