import tomllib

import pytest
from pydantic import ValidationError

from ablate.errors import AblateError, SpecError
from ablate.experiment.spec import FACTORS, ROLES, Experiment, build, flag
from ablate.experiment.toml import to_toml


def test_the_defaults_are_a_grid_worth_running():
    experiment = build({})
    assert len(experiment.activation) >= 8
    assert experiment.norm == ("off", "batch")
    assert experiment.dropout == ((0.0,), (0.2,), (0.5,))
    assert experiment.hidden_of(experiment.hidden[0]) == (100, 50)
    assert experiment.split_sizes == (1150, 288, 359)


def test_an_experiment_cannot_be_changed():
    with pytest.raises(ValidationError):
        build({}).epochs = (1,)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"activation": "rleu"}, "--activation: 'rleu' is not one of"),
        ({"dataset": "mnits"}, "--dataset: 'mnits' is not one of .* did you mean 'mnist'"),
        ({"batchnorm": "off"}, "unknown key 'batchnorm'; did you mean 'norm'"),
        ({"dropout": "0,1"}, "--dropout: '1' is not a number of at least 0 and below 1"),
        ({"dropout": -0.1}, "--dropout: -0.1 is not"),
        ({"hidden": [100, 50]}, r"--hidden: .* one network or 2; write \"100/50\" .* \[\"100\", \"50\"\]"),
        ({"dropout": "0.1/0.2/0.3"}, "--dropout: .* 3 rates for the 2 hidden layers of --hidden 100/50"),
        ({"epochs": 0}, "--epochs: 0 is not a whole number of at least 1"),
        ({"activation": ""}, "--activation: an empty level"),
        ({"activation": []}, "--activation: an empty level"),
        ({"activation": "relu,gelu,relu"}, "--activation: 'relu' stands there twice"),
        ({"batch_size": 1151}, "--batch-size: 1151 is more than the 1150 training samples of digits"),
        ({"batch_size": 1}, "--batch-size: 1 is not a whole number of at least 2"),
        ({"learning_rate": 0}, "--lr: 0 is not auto or a number above 0"),
        ({"learning_rate": "nan"}, "--lr: 'nan' is not"),
        ({"weight_decay": -1}, "--weight-decay: -1 is not"),
        ({"momentum": 1}, "--momentum: 1 is not"),
        ({"optimizer": "sdg"}, "--optimizer: 'sdg' is not one of sgd, adam, adamw; did you mean 'sgd'"),
        ({"seeds": "x"}, "--seeds: 'x' is not"),
        ({"evals_per_epoch": 18}, "--evals-per-epoch: 18 is more than the 17 steps of an epoch"),
        ({"val_fraction": 1}, "--val-fraction: 1 is not"),
        ({"val_fraction": 0.0001}, "--val-fraction, --test-fraction: .* each needs at least 1"),
        ({"model": "resnet"}, "--model: 'resnet' is not one of mlp"),
    ],
)
def test_a_mistake_is_one_sentence_with_value_legal_values_and_flag(settings, says):
    with pytest.raises(SpecError, match=says) as error:
        build(settings)
    assert "\n" not in str(error.value)
    assert "pydantic" not in str(error.value)


@pytest.mark.parametrize(
    ("hidden", "networks"),
    [("100,50", ((100,), (50,))), (["100", "50"], ((100,), (50,))), ([100], ((100,),)), (7, ((7,),))],
)
def test_widths_of_single_layers_stay_the_networks_they_are(hidden, networks):
    experiment = build({"hidden": hidden})
    assert experiment.hidden == networks
    assert build(tomllib.loads(to_toml(experiment))) == experiment


def test_every_factor_is_a_field_and_every_field_has_a_help_text():
    assert set(FACTORS) < set(Experiment.model_fields)
    assert all(role.about for role in ROLES.values())
    assert flag("learning_rate") == "--lr"
    assert flag("norm") == "--norm"


def test_spec_errors_are_value_errors_and_mistakes_of_the_user():
    assert issubclass(SpecError, ValueError)
    assert issubclass(SpecError, AblateError)
    assert SpecError.exit_code == 2
