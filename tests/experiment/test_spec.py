import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ablate.errors import AblateError, DataError, SpecError
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.spec import FACTORS, ROLES, Experiment, build, flag
from ablate.experiment.toml import read_toml, to_toml


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


@pytest.mark.parametrize("content", [None, b"", b"not a zip", b"PK\x03\x04 torn"])
def test_an_unreadable_npz_file_is_named(tmp_path, content):
    path = tmp_path / "data.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"--dataset: .*data\.npz"):
        build({"dataset": f"npz:{path}"})


def test_the_sizes_of_an_npz_file_are_read_from_its_headers(tmp_path):
    np.savez_compressed(tmp_path / "d.npz", x_train=np.zeros((200, 3, 4)), y_train=np.zeros(200, dtype=int))
    assert build({"dataset": f"npz:{tmp_path}/d.npz"}).split_sizes == (128, 32, 40)
    np.savez(
        tmp_path / "t.npz",
        x_train=np.zeros((200, 5)),
        y_train=np.zeros(200),
        x_test=np.zeros((50, 5)),
        y_test=np.zeros(50),
    )
    assert build({"dataset": f"npz:{tmp_path}/t.npz"}).split_sizes == (160, 40, 50)
    np.savez(tmp_path / "wrong.npz", x=np.zeros((200, 5)))
    with pytest.raises(DataError, match="holds x, not x_train and y_train"):
        build({"dataset": f"npz:{tmp_path}/wrong.npz"})


EXPERIMENTS = st.fixed_dictionaries(
    {},
    optional={
        "activation": st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=1, max_size=4, unique=True),
        "norm": st.lists(st.sampled_from(["off", "batch", "batch-post"]), min_size=1, unique=True),
        "dropout": st.sampled_from(["0", "0,0.2/0.5", "0.123456789012"]),
        "hidden": st.sampled_from(["100/50", "8/4,16/8"]),
        "seeds": st.sampled_from(["5", "1,7", "3-3"]),
        "learning_rate": st.sampled_from(["auto", 0.1, "0.01,auto"]),
        "epochs": st.integers(1, 9),
    },
)


@given(EXPERIMENTS)
def test_toml_holds_the_whole_experiment(settings):
    experiment = build(settings)
    assert build(tomllib.loads(to_toml(experiment))) == experiment


@pytest.mark.parametrize(
    ("hidden", "networks"),
    [("100,50", ((100,), (50,))), (["100", "50"], ((100,), (50,))), ([100], ((100,),)), (7, ((7,),))],
)
def test_widths_of_single_layers_stay_the_networks_they_are(hidden, networks):
    experiment = build({"hidden": hidden})
    assert experiment.hidden == networks
    assert build(tomllib.loads(to_toml(experiment))) == experiment


@pytest.mark.parametrize("content", [None, "epochs = ", "\xff"])
def test_a_file_that_is_no_toml_is_named(tmp_path, content):
    path = tmp_path / "grid.toml"
    if content is not None:
        path.write_bytes(content.encode("latin1"))
    with pytest.raises(SpecError, match=r"EXPERIMENT: .*grid\.toml"):
        read_toml(path)


def test_every_factor_is_a_field_and_every_field_has_a_help_text():
    assert set(FACTORS) < set(Experiment.model_fields)
    assert all(role.about for role in ROLES.values())
    assert flag("learning_rate") == "--lr"
    assert flag("norm") == "--norm"


def test_spec_errors_are_value_errors_and_mistakes_of_the_user():
    assert issubclass(SpecError, ValueError)
    assert issubclass(SpecError, AblateError)
    assert SpecError.exit_code == 2
