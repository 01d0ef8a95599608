"""Learning rates chosen before a grid is trained."""

import pandas as pd

from tests.cli.grids import FAKE


def test_rates_are_tuned_apart_shown_and_used(ablate, tmp_path):
    arguments = [*FAKE, "--tune", "learning_rate=0.01,0.1", "-o", "results/x"]
    code, out, _ = ablate("run", *arguments)
    assert code == 0
    assert "Learning rates, chosen on seeds 1000000-1000002" in out
    tuning = pd.read_parquet(tmp_path / "results/x/tuning/runs")
    assert len(tuning) == 8 * 2 * 3
    runs = pd.read_parquet(tmp_path / "results/x/runs")
    assert len(runs) == 16
    assert set(runs["seed"]) == {0, 1}
    factors = ["activation", "norm", "dropout"]
    means = tuning.groupby([*factors, "learning_rate"])["val_accuracy"].mean().unstack()
    expected = means.idxmax(axis=1)
    for key, rate in runs.groupby(factors)["learning_rate"].unique().items():
        assert rate.tolist() == [expected[key]]
    assert len(set(expected)) == 2
    assert ablate("run", *arguments)[2].count("Nothing to train") == 2
    assert (
        "Nothing to train"
        in ablate("run", "results/x/experiment.toml", "--executor", "fake", "-o", "results/x")[2]
    )
