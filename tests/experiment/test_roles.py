from typing import Annotated

import pytest

from ablate.experiment.grid import expand
from ablate.experiment.roles import Role, stored_type
from ablate.experiment.spec import FACTORS, ROLES, SHARED, Experiment, build

# Another legal value for every setting; a new one has to be added here, or the first test below fails.
OTHER_VALUES = {
    "dataset": "moving-digits", "model": "cnn", "activation": "tanh", "norm": "batch-post", "dropout": 0.4,
    "seeds": "2-2", "channels": "4", "hidden": "100/51", "epochs": 31, "batch_size": 32, "optimizer": "adam",
    "learning_rate": 0.2, "momentum": 0.9, "weight_decay": 0.1, "schedule": "cosine", "init": "kaiming",
    "precision": "bf16", "tune": "learning_rate=0.1,0.2", "standardize": "none", "evals_per_epoch": 2,
    "val_fraction": 0.3, "test_fraction": 0.3, "diagnostics": True, "split_seed": 1, "shard": "1/2",
}  # fmt: skip


def test_every_setting_enters_the_run_id_unless_its_role_says_why_not():
    base = {"activation": "relu", "norm": "batch", "dropout": 0.5, "seeds": "1-1"}
    assert set(OTHER_VALUES) == set(Experiment.model_fields)
    for name, value in OTHER_VALUES.items():
        start = base | ({"model": "cnn"} if name == "channels" else {})
        before, after = (expand(build(settings))[0] for settings in (start, start | {name: value}))
        enters = not ROLES[name].not_in_run_id or name == "seeds"
        assert (before.run_id != after.run_id) == enters, name


def test_a_new_setting_enters_the_run_id_by_its_role_alone():
    class Wider(Experiment):
        smoothing: Annotated[tuple[float, ...], Role("factor", "", tuple, "smoothings")] = (0.0,)
        noise: Annotated[float, Role("shared", "", float)] = 0.0

    class Watching(Experiment):
        loud: Annotated[bool, Role("view", "", bool, not_in_run_id="it only prints")] = False

    def ids(experiment):
        return {run.run_id for run in expand(experiment)}

    one_seed = {"activation": ("relu",), "norm": ("off",), "dropout": ((0.0,),), "seeds": (0,)}
    plain, wide = ids(Experiment(**one_seed)), ids(Wider(**one_seed))
    assert len(plain | wide | ids(Wider(**one_seed, noise=0.1))) == 3
    assert len(ids(Wider(**one_seed, smoothing=(0.0, 0.1))) - wide) == 1
    assert ids(Watching(**one_seed)) == ids(Watching(**one_seed, loud=True)) == plain


def test_a_setting_without_a_role_is_refused():
    with pytest.raises(TypeError, match="'smoothing' states no role"):

        class Wider(Experiment):
            smoothing: float = 0.0


def test_shared_settings_are_those_of_no_variant_that_change_results():
    assert {"dataset", "model", "init", "precision", "split_seed"} <= set(SHARED)
    assert not {"activation", "seeds", "diagnostics", "tune"} & set(SHARED)


def test_numbers_are_stored_as_numbers_and_all_other_levels_as_text():
    types = {name: stored_type(Experiment.model_fields[name]) for name in FACTORS}
    whole, real = {"epochs", "batch_size"}, {"learning_rate", "momentum", "weight_decay"}
    assert {name for name, kind in types.items() if kind is int} == whole
    assert {name for name, kind in types.items() if kind is float} == real
