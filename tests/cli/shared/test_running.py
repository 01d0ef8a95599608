"""How a grid is run: workers, devices and executors by their options."""

import pytest

from ablate.cli.shared.running import EXECUTORS, Machine, Running, Training
from ablate.errors import SpecError
from ablate.execution import devices
from ablate.execution.devices import available_cores
from ablate.experiment.spec import build


@pytest.fixture
def gpus(monkeypatch):
    """Makes a machine of two GPUs up."""
    monkeypatch.setattr(devices, "gpu_memory", lambda: (80 << 30, 40 << 30))


def test_workers_are_one_per_core_or_as_many_as_asked():
    assert Machine(device="cpu").workers == available_cores()
    assert Machine(jobs="3", device="cpu").workers == 3


def test_workers_are_one_per_gpu_or_as_many_as_asked(gpus):
    assert Machine().workers == 2
    assert Machine(jobs="4").workers == 4


@pytest.mark.parametrize("jobs", ["0", "none", "1.5"])
def test_other_numbers_of_jobs_are_refused(jobs):
    with pytest.raises(SpecError, match=r"--jobs: .*, nor auto"):
        _ = Machine(jobs=jobs, device="cpu").workers


def test_tf32_needs_a_gpu(gpus):
    experiment = build({"precision": "tf32"})
    Machine().check(experiment)
    with pytest.raises(SpecError, match="--precision: 'tf32' is a mode of GPUs"):
        Machine(device="cpu").check(experiment)


def test_results_of_the_fake_executor_are_announced_as_simulated(capsys):
    assert not Training().simulates()
    assert capsys.readouterr().err == ""
    assert Training(executor="fake").simulates()
    assert capsys.readouterr().err.startswith("SIMULATED: --executor fake ")


def test_an_unknown_executor_is_refused_by_plan_too(ablate):
    code, out, err = ablate("plan", "--executor", "lokal")
    assert (code, out) == (2, "")
    assert f"'lokal' is not one of {', '.join(EXECUTORS)}; did you mean 'local'?" in err


def test_an_address_of_a_cluster_is_refused_for_an_executor_that_needs_none(ablate):
    code, _, err = ablate("plan", "--ray-address", "head:6379")
    assert (code, "--ray-address: 'head:6379' is used only with --executor ray" in err) == (2, True)


def test_a_grid_is_opened_in_the_folder_of_its_dataset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = build({"activation": "relu", "seeds": 1})
    assert str(Running().open(experiment).path) == "results/digits"
    assert Running(output=tmp_path).open(experiment).path == tmp_path
