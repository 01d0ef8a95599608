import os

import pytest

from ablate.errors import StoreError
from ablate.experiment.spec import build
from ablate.experiment.toml import to_toml
from ablate.store.experiment_file import read_experiment, settings_in, shards_in, with_stored_shards


def shards_after(folder, stored, new, **changes):
    (folder / "experiment.toml").write_text(to_toml(build({"shard": stored})))
    return str(with_stored_shards(build({"shard": new} | changes), folder).shard)


def test_shards_of_the_same_experiment_add_up(tmp_path):
    assert shards_after(tmp_path, "2/5", "3/5") == "2-3/5"
    assert shards_after(tmp_path, "1-4/5", "5/5") == "1/1"
    assert shards_after(tmp_path, "1/1", "3/5") == "1/1"
    assert shards_after(tmp_path, "2/5", "1/1") == "1/1"


def test_shards_of_another_experiment_or_cut_do_not(tmp_path):
    assert shards_after(tmp_path, "2/5", "3/5", epochs=3) == "3/5"
    assert shards_after(tmp_path, "1/2", "3/5") == "3/5"


def test_a_new_folder_has_no_shards_yet(tmp_path):
    assert str(with_stored_shards(build({"shard": "3/5"}), tmp_path).shard) == "3/5"


def test_what_is_no_experiment_is_one_sentence(tmp_path):
    path = tmp_path / "experiment.toml"
    assert read_experiment(tmp_path) == ""
    path.write_bytes(b"\xff")
    with pytest.raises(StoreError, match=r"experiment\.toml' cannot be read"):
        read_experiment(tmp_path)
    path.unlink()
    os.mkdir(path)
    with pytest.raises(StoreError, match="it is a folder"):
        read_experiment(tmp_path)
    with pytest.raises(StoreError, match="is not TOML"):
        settings_in("epochs = ")
    with pytest.raises(StoreError, match="has no legal shard"):
        shards_in({"shard": 7})
