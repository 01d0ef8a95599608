"""Users' own functions: what is wrong with one is said before training, or costs its own runs only."""

import subprocess
import sys

import numpy as np
import pytest

from ablate.data.arrays import prepare
from ablate.errors import SpecError
from ablate.execution.local import LocalExecutor
from ablate.execution.own_functions import check_own_functions
from ablate.execution.retry import train_stacks
from ablate.experiment.grid import expand
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import build
from ablate.store.parquet import ResultsFolder

MODULE = "tests.faulty.functions"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("import_exits:f", r"cannot be imported \(SystemExit: 0, line 3 of import_exits.py\)"),
        ("import_exits_hard:f", "ended with exit code 0"),
        (
            "import_is_interrupted:f",
            r"cannot be imported \(KeyboardInterrupt, line 1 of import_is_interrupted.py\)",
        ),
        ("import_raises:f", r"cannot be imported \(ValueError: no such value, line 1"),
        ("import_kills_itself:f", "ended with SIGKILL"),
        ("functions:exits", r"fails on a tensor \(SystemExit: 0, line \d+ of functions.py\)"),
        ("functions:exits_hard", "ended with exit code 0"),
        ("functions:is_interrupted", r"fails on a tensor \(KeyboardInterrupt"),
        ("functions:kills_itself", "ended with SIGKILL"),
        ("functions:raises", r"fails on a tensor \(ValueError: no such value, line \d+ of functions.py\)"),
        ("functions:raises_untold", r"fails on a tensor \(UntoldError, line \d+ of functions.py\)"),
        ("functions:returns_nothing", "returns NoneType"),
        ("functions:returns_a_list", "returns list"),
        ("functions:returns_another_shape", r"returns torch.float32 of shape \(2, 3, 1\)"),
        ("functions:returns_another_type", r"returns torch.float64 of shape \(2, 3, 8\)"),
        ("functions:changes_its_input", "changes its input in place"),
        ("functions:has_no_derivative", r"has no derivative \(RuntimeError"),
    ],
)
def test_a_function_that_fails_on_import_or_at_once_is_refused_with_its_name(name, says):
    with pytest.raises(SpecError, match=says) as error:
        check_own_functions([f"tests.faulty.{name}"])
    assert str(error.value).startswith(f"--activation: 'tests.faulty.{name}' ")


def test_the_command_stores_why_runs_failed_and_prints_only_results(tmp_path):
    names = ("exits_late", "prints")
    command = [
        sys.executable,
        "-m",
        "ablate",
        "run",
        "--activation",
        ",".join(f"{MODULE}:{name}" for name in names),
    ]
    command += ["--norm", "off", "--dropout", "0", "--seeds", "1", "--epochs", "2", "-o", str(tmp_path / "x")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert ("not a result" in done.stdout, "not a result" in done.stderr) == (False, True)
    assert "Traceback" not in done.stderr
    runs = ResultsFolder(tmp_path / "x").read("runs").set_index("activation")
    statuses = [runs.loc[f"{MODULE}:{name}", "status"] for name in names]
    assert statuses == ["failed", "finished"]
    assert "SystemExit: 0, line" in runs.loc[f"{MODULE}:exits_late", "message"]
    assert "SystemExit: 0, line" in done.stdout


LATE = {
    "exits_hard_late": "ended with exit code 0",
    "returns_another_shape_late": "returns torch.float32 of shape",
}


def test_a_function_that_fails_in_training_costs_its_own_runs_only():
    settings = {"norm": "off", "dropout": "0", "seeds": 1, "epochs": 1}
    own = build(
        settings | {"activation": ["relu", "torch.nn:Softsign", *(f"{MODULE}:{name}" for name in LATE)]}
    )
    check_own_functions(run.activation for run in expand(own) if ":" in run.activation)
    outcomes = _trained(own)
    for name, says in LATE.items():
        reasons = [outcome for run, outcome in outcomes.items() if run.activation == f"{MODULE}:{name}"]
        assert len(reasons) == 1
        assert all(isinstance(reason, str) and says in reason and name in reason for reason in reasons), (
            name,
            reasons,
        )
    undisturbed = _trained(build(settings | {"activation": ["relu", "torch.nn:Softsign"]}))
    assert len(undisturbed) == 2
    for run, curves in undisturbed.items():
        np.testing.assert_array_equal(outcomes[run], curves)


def _trained(experiment):
    """Returns the curves of each run, or the reason why it failed."""
    found = {}
    with LocalExecutor(2) as executor:
        executor.use(prepare(experiment))
        stacks = make_plan(expand(experiment), sizes_of(experiment), 2).stacks
        for stack, result in train_stacks(executor, stacks, lambda steps: None):
            for place, run in enumerate(stack.runs):
                is_failed = isinstance(result, str)
                found[run] = (
                    result if is_failed else np.stack([curve[:, place] for curve in result.curves.values()])
                )
    return found
