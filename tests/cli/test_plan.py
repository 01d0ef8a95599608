"""`ablate plan`: what a grid would train."""

from tests.arguments import given
from tests.cli.grids import FAKE, GRID


def test_plan_shows_the_product_and_what_is_done_and_writes_nothing(ablate, tmp_path):
    code, out, _ = ablate("plan", *GRID)
    assert code == 0
    assert "2 activation x 2 norm x 2 dropout x 2 seeds = 16 runs" in out
    assert "0 done, 0 diverged, 0 failed, 16 missing" in out
    assert list(tmp_path.iterdir()) == []
    ablate("run", *FAKE)
    assert "16 done, 0 diverged, 0 failed, 0 missing\nnothing to train" in ablate("plan", *FAKE)[1]


def test_a_plan_names_what_all_runs_share_where_it_is_not_the_default(ablate):
    single = given(GRID, "--activation", "relu", "--dropout", "0", "--norm", "off", "--seeds", "1")
    out = ablate("plan", *single, "--init", "kaiming", "--evals-per-epoch", "2", "--jobs", "1")[1]
    assert "1 seed = 1 run (" in out
    assert "schedule=constant, init=kaiming, evals_per_epoch=2)" in out
    assert "to train: 1 run in 1 stack of 1 run, 1 worker, 34 run-steps" in out


def test_a_plan_with_rates_to_tune_shows_the_runs_that_choose_them(ablate):
    arguments = [*FAKE, "--tune", "learning_rate=0.01,0.1", "-o", "results/x"]
    first, then = ablate("plan", *arguments)[1].split("Then, with the best for each, at most")
    assert "2 learning_rate x 3 seeds = 48 runs" in first
    assert "results/x/tuning: 0 done, 0 diverged, 0 failed, 48 missing" in first
    assert "results/x: 0 done, 0 diverged, 0 failed, 16 missing" in then
    assert "learning_rate" not in then
    ablate("run", *arguments)
    first, then = ablate("plan", *arguments)[1].split("Then, with the best for each:\n")
    assert "48 done, 0 diverged, 0 failed, 0 missing\nnothing to train" in first
    assert "Learning rates, chosen on seeds 1000000-1000002" in then
    assert "16 done, 0 diverged, 0 failed, 0 missing\nnothing to train" in then
    assert (
        "16 done, 0 diverged, 0 failed, 0 missing\nto train: 16 runs"
        in ablate("plan", *arguments, "--force")[1]
    )
