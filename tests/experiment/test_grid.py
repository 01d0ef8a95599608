import pickle

import numpy as np
import pytest

from ablate.errors import SpecError
from ablate.experiment.grid import _code, evaluation_steps, expand, variant_name, varied
from ablate.experiment.spec import build


def test_a_grid_is_the_product_of_levels_and_seeds():
    experiment = build(
        {"activation": "relu,tanh", "dropout": "0,0.5", "seeds": "3", "learning_rate": "0.1,0.01"}
    )
    runs = expand(experiment)
    assert len(runs) == 2 * 2 * 2 * 3 * 2
    assert len({run.run_id for run in runs}) == len(runs)
    combinations = {(run.activation, run.norm, run.dropout, run.learning_rate, run.seed) for run in runs}
    assert len(combinations) == len(runs)


def test_variants_are_named_by_their_levels():
    run = expand(build({"activation": "relu", "norm": "batch", "dropout": 0.5}))[0]
    assert variant_name(run, varied(build({}))) == "relu norm=batch dropout=0.5"
    grid = build({"activation": "relu", "norm": "off", "dropout": "0/0.5", "learning_rate": "0.1,0.01"})
    names = {variant_name(run, varied(grid)) for run in expand(grid)}
    assert names == {"relu norm=off dropout=0/0.5 lr=0.1", "relu norm=off dropout=0/0.5 lr=0.01"}


def test_one_rate_is_the_same_run_as_that_rate_in_every_layer():
    one = expand(build({"dropout": "0.2", "seeds": 1}))
    each = expand(build({"dropout": "0.2/0.2", "seeds": 1}))
    assert [run.run_id for run in one] == [run.run_id for run in each]


def test_a_run_id_is_made_of_what_determines_the_result():
    settings = {"activation": "relu", "norm": "batch", "dropout": 0.5, "seeds": "1,7"}
    (first, second) = expand(build(settings))
    assert first.run_id != second.run_id
    assert expand(build(settings | {"seeds": "7", "activation": "tanh,relu"}))[-1].run_id != first.run_id
    assert second.run_id in {
        run.run_id for run in expand(build(settings | {"seeds": "8", "activation": "tanh,relu"}))
    }
    changes = [
        {"epochs": 31}, {"batch_size": 32}, {"hidden": "100/51"}, {"optimizer": "adam"}, {"learning_rate": 0.2},
        {"momentum": 0.9}, {"weight_decay": 0.1}, {"schedule": "cosine"}, {"standardize": "none"}, {"split_seed": 1},
        {"val_fraction": 0.3}, {"test_fraction": 0.3}, {"evals_per_epoch": 2}, {"dropout": 0.4}, {"norm": "batch-post"},
        {"init": "kaiming"}, {"init": "auto-gain"},
    ]  # fmt: skip
    ids = {expand(build(settings | change))[0].run_id for change in changes}
    assert len(ids | {first.run_id}) == len(changes) + 1


def test_diagnostics_are_part_of_a_run_and_not_of_its_id():
    settings = {"activation": "relu", "norm": "off", "dropout": 0, "seeds": "1"}
    (blind,), (seeing,) = expand(build(settings)), expand(build(settings | {"diagnostics": True}))
    assert (blind.diagnostics, seeing.diagnostics) == (False, True)
    assert blind.run_id == seeing.run_id


def test_a_run_survives_being_sent_to_another_process():
    run = expand(build({"activation": "relu"}))[0]
    copy = pickle.loads(pickle.dumps(run))
    assert (copy, copy.run_id, copy.hidden) == (run, run.run_id, (100, 50))
    with pytest.raises(AttributeError, match="no setting 'hiden'"):
        run.hiden  # noqa: B018


def test_run_ids_are_pinned():
    """To change what an id is made of is to forget every stored result."""
    (run,) = expand(build({"activation": "relu", "norm": "off", "dropout": 0, "seeds": "1"}))
    assert run.run_id == "b4c9ddc54e6b42ff"


def test_levels_that_make_no_difference_are_refused():
    with pytest.raises(SpecError, match=r"momentum 0 and 0\.9 give the same run"):
        expand(build({"optimizer": "adam", "momentum": "0,0.9"}))
    with pytest.raises(SpecError, match=r"dropout 0\.2 and 0\.2/0\.2 give the same run"):
        expand(build({"dropout": "0.2,0.2/0.2"}))


def test_the_content_of_a_file_is_part_of_the_run(tmp_path):
    settings = {"dataset": f"npz:{tmp_path}/d.npz", "seeds": 1}
    ids = []
    for value in (0.0, 1.0):
        np.savez(tmp_path / "d.npz", x_train=np.full((200, 4), value), y_train=np.arange(200) % 2)
        ids.append(expand(build(settings))[0].run_id)
    assert ids[0] != ids[1]


def test_auto_is_the_rate_of_the_optimizer():
    runs = expand(
        build(
            {
                "optimizer": "sgd,adam,adamw",
                "activation": "relu",
                "seeds": 1,
                "dropout": 0,
                "norm": "off",
            }
        )
    )
    assert [(run.learning_rate, run.weight_decay) for run in runs] == [
        (0.1, 0.0),
        (0.001, 0.0),
        (0.001, 0.01),
    ]


@pytest.mark.parametrize(("evals", "samples"), [(1, 1150), (3, 1150), (17, 1150), (2, 64), (7, 1000)])
def test_evaluations_start_untrained_end_with_the_last_step_and_never_share_one(evals, samples):
    run = expand(build({}))[0].with_settings(epochs=4, batch_size=32)
    steps = evaluation_steps(run, samples, min(evals, samples // 32))
    assert steps[0] == 0
    assert steps[-1] == 4 * (samples // 32)
    assert list(steps) == sorted(set(steps))
    assert len(steps) == 4 * min(evals, samples // 32) + 1


def test_the_packages_of_a_users_function_are_not_imported(tmp_path, monkeypatch):
    (tmp_path / "odd_package").mkdir()
    (tmp_path / "odd_package" / "__init__.py").write_text("import sys; sys.exit(0)")
    (tmp_path / "odd_package" / "mine.py").write_text("f = 1")
    monkeypatch.syspath_prepend(tmp_path)
    settings = {"activation": "odd_package.mine:f", "seeds": 1}
    code = expand(build(settings))[0].code
    (tmp_path / "odd_package" / "mine.py").write_text("f = 2")
    _code.cache_clear()
    assert expand(build(settings))[0].code not in ("", "odd_package.mine", code)
    with pytest.raises(SpecError, match=r"there is no module 'odd_package\.other'"):
        expand(build(settings | {"activation": "odd_package.other:f"}))
