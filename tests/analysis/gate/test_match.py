import pytest

from ablate.analysis.gate.compare import compare
from ablate.analysis.gate.verdict import Reason, Verdict, reasons
from tests.analysis.gate.frames import METRICS, gate, runs, side


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("dataset", "mnist", "dataset is digits in the baseline and mnist"),
        ("model", "cnn", "model is mlp in the baseline and cnn"),
        ("epochs", 20, "epochs is 10 in the baseline and 20 in the candidate"),
        ("learning_rate", 0.2, "learning_rate is 0.1 in the baseline and 0.2"),
    ],
)
def test_other_settings_are_incomparable(column, value, told):
    comparison, why = gate(runs(), runs().assign(**{column: value}))
    assert {each.verdict for each in comparison.findings} == {Verdict.INCOMPARABLE}
    assert told in comparison.findings[0].note
    assert why == (Reason.NOT_COMPARABLE,)
    assert reasons(comparison, allow_missing=True) == (Reason.NOT_COMPARABLE,)


def test_another_split_of_the_data_is_incomparable_and_so_are_other_arrays():
    comparison = compare(side(runs(), split_seed=0), side(runs(), split_seed=1), METRICS, 0.05)
    assert "split_seed is 0 in the baseline and 1" in comparison.findings[0].note
    file = runs().assign(dataset="npz:x.npz")
    assert gate(file, file)[1] == ()
    comparison, why = gate(file, file.assign(run_id=file["run_id"] + "x"))
    assert "arrays" in comparison.findings[0].note
    assert why == (Reason.NOT_COMPARABLE,)


@pytest.mark.parametrize(("made_up", "trained"), [("baseline", "candidate"), ("candidate", "baseline")])
def test_simulated_results_are_not_compared_with_trained_ones(made_up, trained):
    frames = {made_up: runs().assign(simulated=True), trained: runs()}
    comparison, why = gate(frames["baseline"], frames["candidate"])
    expected = f"the {made_up} is SIMULATED, and simulated results cannot be compared with trained ones"
    assert {finding.note for finding in comparison.findings} == {expected}
    assert comparison.simulated
    assert why == (Reason.NOT_COMPARABLE,)


def test_simulated_results_are_compared_with_each_other_and_marked():
    made_up = runs().assign(simulated=True)
    comparison, why = gate(made_up, made_up)
    assert comparison.simulated
    assert why == ()
    assert not gate(runs(), runs())[0].simulated
