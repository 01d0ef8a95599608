"""`ablate gate --confirm`."""

from tests.cli.baselines import changed_baseline, worse


def test_confirming_trains_only_what_is_suspicious_with_fresh_seeds(ablate, stored):
    def relu_worse(frame):
        return frame.assign(val_accuracy=frame["val_accuracy"] - 0.3 * frame["activation"].eq("relu"))

    lucky = changed_baseline(stored[0], "lucky.parquet", relu_worse)
    margins = ("--margin", "val_accuracy=0.2", "--metric", "val_accuracy")
    code, out, err = ablate("gate", stored[0], lucky, *margins, "--confirm", "--executor", "fake")
    assert code == 0
    assert "Confirming 1 regression with 6 fresh seeds." in err
    assert "6 runs in" in err
    assert "not confirmed: " in out
    # A baseline that is better than what this code trains: fresh seeds fall behind as well.
    high = changed_baseline(stored[0], "high.parquet", lambda frame: worse(frame, -0.6))
    code, out, err = ablate("gate", high, "old", *margins, "--confirm", "--executor", "fake")
    assert code == 4
    assert "confirmed with fresh seeds" in out
    assert "12 runs in" in err
