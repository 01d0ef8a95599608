"""A grid and what its folder holds of it."""

from ablate.cli.shared.grid import runs_of
from ablate.experiment import grid
from ablate.experiment.grid import NUMERICS_VERSION, _code
from ablate.experiment.spec import build
from tests.arguments import given
from tests.cli.grids import FAKE, GRID


def test_another_dataset_in_the_same_folder_is_refused(ablate):
    ablate("run", *FAKE, "-o", "results/x")
    code, _, err = ablate("plan", "--dataset", "mnist", "-o", "results/x")
    assert code == 2
    assert "-o/--output" in err


def test_made_up_runs_are_never_taken_for_trained_ones(ablate):
    ablate("run", *FAKE, "-o", "results/x")
    for command in ("plan", "run"):
        code, out, err = ablate(command, *GRID, "-o", "results/x")
        assert (code, out) == (2, "")
        assert "holds simulated results, which cannot be mixed with real ones" in err


def test_results_of_an_engine_with_other_arithmetic_are_not_added_to(ablate, monkeypatch):
    ablate("run", *FAKE, "-o", "results/x")
    monkeypatch.setattr(grid, "NUMERICS_VERSION", 99)
    code, out, err = ablate("run", *FAKE, "-o", "results/x")
    assert (code, out) == (2, "")
    assert (
        f"holds runs of numerics_version {NUMERICS_VERSION} and not 99 (it is of another version of ablate"
        in err
    )


def test_other_initial_weights_in_the_same_folder_are_refused(ablate):
    ablate("run", *FAKE, "-o", "results/x")
    code, _, err = ablate("run", *FAKE, "--init", "kaiming", "-o", "results/x")
    assert code == 2
    assert "init torch and not kaiming" in err


def test_initial_weights_are_part_of_the_run(ablate):
    ablate("run", *FAKE)
    code, out, err = ablate("plan", *FAKE, "--init", "auto-gain")
    assert (code, out) == (2, "")
    assert "holds runs of init torch and not auto-gain" in err
    assert "16 missing" in ablate("plan", *FAKE, "--init", "auto-gain", "-o", "results/fair")[1]
    code, _, err = ablate("plan", *GRID, "--init", "kaimign")
    assert code == 2
    assert "--init: 'kaimign' is not one of torch, kaiming, auto-gain; did you mean 'kaiming'" in err


def test_a_function_of_the_user_with_another_source_is_another_run(ablate, tmp_path):
    grid = ["--activation", "my_functions:f", *GRID[2:]]
    (tmp_path / "my_functions.py").write_text("import torch\n\n\ndef f(z):\n    return torch.sin(z)\n")
    first = {run.run_id for run in runs_of(build({"activation": "my_functions:f"}))}
    (tmp_path / "my_functions.py").write_text("import torch\n\n\ndef f(z):\n    return torch.cos(z)\n")
    _code.cache_clear()
    assert not first & {run.run_id for run in runs_of(build({"activation": "my_functions:f"}))}
    code, _, err = ablate("plan", *given(grid, "--activation", "no_such_module:f"))
    assert code == 2
    assert "there is no module 'no_such_module'" in err
