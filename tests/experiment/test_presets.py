import pytest

from ablate.errors import SpecError
from ablate.experiment.grid import expand
from ablate.experiment.presets import PRESETS, preset_settings
from ablate.experiment.spec import Experiment, build

RUNS = {
    "activations": 9 * 5,
    "batch-norm": 2 * 3 * 5,
    "dropout": 3 * 5,
    "grid": 9 * 2 * 3 * 5,
    "smoke": 2 * 2 * 2 * 2,
}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_legal_grid_of_so_many_runs(name):
    assert len(expand(build(preset_settings(name)))) == RUNS[name]
    assert PRESETS[name].about


def test_every_preset_is_counted():
    assert RUNS.keys() == PRESETS.keys()


def test_the_activations_can_be_compared_on_another_dataset():
    experiment = build(preset_settings("activations") | {"dataset": "cifar100"})
    assert experiment.dataset == "cifar100"
    assert experiment.activation == Experiment.model_fields["activation"].default


def test_what_is_done_with_settings_leaves_the_preset_alone():
    preset_settings("smoke")["epochs"] = 99
    assert preset_settings("smoke")["epochs"] == 2


def test_an_unknown_preset_is_refused_with_the_nearest():
    with pytest.raises(SpecError, match=r"--preset: 'batchnorm' is not one of .*did you mean 'batch-norm'"):
        preset_settings("batchnorm")
