from dataclasses import replace
from pathlib import Path

import pytest

from ablate.bench.stand_in import on_data_at_hand
from ablate.data.dataset import load
from ablate.errors import DataError
from ablate.experiment.datasets import DATASETS
from ablate.experiment.spec import build


def test_what_is_at_hand_is_taken(tmp_path):
    for name in ("digits", "mnist"):
        experiment = build({"dataset": name})
        if files := DATASETS[name].files:
            (tmp_path / files.folder).mkdir(parents=True)
            for file in (*files.train, *files.test):
                (tmp_path / files.folder / file).touch()
        assert on_data_at_hand(experiment, tmp_path, tmp_path) is experiment


def test_random_data_have_the_shape_and_sizes_of_those_that_are_missing(tmp_path, monkeypatch):
    small = replace(DATASETS["cifar10"], shape=(3, 4, 4), samples=200, test_samples=50)
    monkeypatch.setitem(DATASETS, "cifar10", small)
    experiment = build({"dataset": "cifar10", "batch_size": 16})
    on_random_data = on_data_at_hand(experiment, tmp_path, tmp_path)
    assert on_random_data.dataset != experiment.dataset
    assert on_random_data.split_sizes == experiment.split_sizes
    loaded = load(on_random_data)
    assert loaded.x_train.shape == (160, 3, 4, 4)
    assert (len(loaded.y_val), len(loaded.y_test), loaded.classes) == (40, 50, 10)


def test_a_folder_that_does_not_exist_is_still_a_mistake(tmp_path):
    experiment = build({"dataset": "mnist"})
    assert on_data_at_hand(experiment, Path("nowhere"), tmp_path) is experiment
    with pytest.raises(DataError, match="--data-dir: 'nowhere' is not a folder"):
        load(experiment, Path("nowhere"))
