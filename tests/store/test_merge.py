import json

import pandas as pd
import pytest

from ablate.errors import StoreError
from ablate.experiment.spec import build
from ablate.experiment.toml import to_toml
from ablate.store.merge import prepare_merge
from ablate.store.parquet import ResultsFolder
from ablate.store.schema import DATA
from ablate.store.status import FAILED
from tests.made_up import frames, made

ID = "0123456789abcdef"
TOML = to_toml(build({}))
SAME = {DATA: json.dumps({"dataset": "digits", "numerics_version": 4})}


def stored(path, *runs, metadata=SAME, toml=TOML):
    """Stores each run as a part of its own and returns the path of the folder."""
    folder = ResultsFolder(path)
    with folder.writing(toml):
        for run in runs:
            folder.write_part(dict(zip(("runs", "curves"), frames(run), strict=True)), metadata)
    return path


def copy(**changes):
    """Returns a made-up run, with changes, under an id that does not depend on them."""
    row, curve = made(**changes)
    return row | {"run_id": ID}, [point | {"run_id": ID} for point in curve]


def merged(tmp_path, *folders):
    merge = prepare_merge(folders, tmp_path / "merged")
    merge.write()
    return ResultsFolder(tmp_path / "merged")


def test_the_metadata_of_each_part_are_kept(tmp_path):
    one = stored(tmp_path / "one", made(seed=0), metadata=SAME | {"cpu": "A"})
    two = stored(tmp_path / "two", made(seed=1), metadata=SAME | {"cpu": "B"})
    assert prepare_merge([one, two], tmp_path / "merged").differing_metadata() == {"cpu": ["A", "B"]}
    assert merged(tmp_path, one, two).metadata()["cpu"] == "A | B"


def test_times_and_devices_may_differ_between_copies_of_a_run(tmp_path):
    one = stored(tmp_path / "one", copy(seconds=1.0, device="cuda:0"))
    two = stored(tmp_path / "two", copy(seconds=2.0, device="cuda:1"), made(seed=1))
    assert prepare_merge([one, two], tmp_path / "merged").shared == 1


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"val": (0.1, 0.5, 0.9000000000000001)},
            r"has train_loss 1\.05 in '.*one' and 1\.0499999999999998 in",
        ),
        ({"status": "diverged"}, r"has status finished in '.*one' and diverged in '.*two'"),
    ],
)
def test_a_conflict_is_named_and_nothing_is_written(tmp_path, changed, says):
    one = stored(tmp_path / "one", copy(), made(seed=1))
    two = stored(tmp_path / "two", copy(**changed))
    with pytest.raises(
        StoreError, match=r"RESULTS: 1 of the runs .* run 0123456789abcdef \(.*, seed 0\) " + says
    ):
        prepare_merge([one, two], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_a_difference_in_a_curve_alone_is_found(tmp_path):
    row, curve = copy()
    one = stored(tmp_path / "one", (row, curve))
    two = stored(tmp_path / "two", (row, [*curve[:1], curve[1] | {"running_loss": -1.0}, *curve[2:]]))
    with pytest.raises(StoreError, match=r"has running_loss of curves at step 10 1\.0 in .* and -1\.0 in"):
        prepare_merge([one, two], tmp_path / "merged")
    zero, minus_zero = (
        stored(tmp_path / name, (row, [curve[0] | {"running_loss": loss}, *curve[1:]]))
        for name, loss in (("zero", 0.0), ("minus", -0.0))
    )
    with pytest.raises(StoreError, match=r"at step 0 0\.0 in .* and -0\.0 in"):
        prepare_merge([zero, minus_zero], tmp_path / "merged")
    three = stored(tmp_path / "three", (row, curve[:-1]))
    with pytest.raises(StoreError, match=r"has curves rows 3 in .* and 2 in"):
        prepare_merge([one, three], tmp_path / "merged")


def test_a_finished_run_is_preferred_to_a_failed_one(tmp_path):
    failed = stored(tmp_path / "failed", copy(status=FAILED), made(seed=1))
    finished = stored(tmp_path / "finished", copy())
    for number, folders in enumerate(([failed, finished], [finished, failed])):
        merge = prepare_merge(folders, tmp_path / f"merged{number}")
        merge.write()
        assert set(ResultsFolder(merge.target).statuses().values()) == {"finished"}
    merge = prepare_merge([finished], failed)  # a stored failure is replaced
    merge.write()
    assert set(ResultsFolder(failed).statuses().values()) == {"finished"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"dataset": "npz:123"}, "holds runs of dataset npz:123 and not digits"),
        ({"numerics_version": 3}, "of another version of ablate"),
        ({"simulated": True}, "simulated results, which cannot be mixed with real ones"),
    ],
)
def test_other_data_are_refused_by_name(tmp_path, data, says):
    one = stored(tmp_path / "one", made())
    other = {DATA: json.dumps(json.loads(SAME[DATA]) | data)}
    two = stored(tmp_path / "two", made(seed=1), metadata=other)
    with pytest.raises(StoreError, match=f"RESULTS: '.*two' holds .*{says}|{says}"):
        prepare_merge([one, two], tmp_path / "merged")


def test_shards_of_different_cuts_are_refused(tmp_path):
    one = stored(tmp_path / "one", made(), toml=to_toml(build({"shard": "1/2"})))
    two = stored(tmp_path / "two", made(seed=1), toml=to_toml(build({"shard": "2/3"})))
    with pytest.raises(StoreError, match="1/2 and 2/3 are shards of different cuts"):
        prepare_merge([one, two], tmp_path / "merged")


def test_an_interrupted_merge_is_finished_by_the_same_merge(tmp_path, monkeypatch):
    one = stored(tmp_path / "one", *(made(seed=seed) for seed in range(3)))
    two = stored(tmp_path / "two", *(made(seed=seed) for seed in range(3, 6)))
    written, write_part = [], ResultsFolder.write_part

    def interrupted(*arguments):
        if len(written) == 4:
            raise KeyboardInterrupt
        written.append(arguments)
        write_part(*arguments)

    monkeypatch.setattr(ResultsFolder, "write_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        merged(tmp_path, one, two)
    assert len(ResultsFolder(tmp_path / "merged").statuses()) == 4
    monkeypatch.undo()
    assert len(merged(tmp_path, one, two).statuses()) == 6


def test_a_target_that_is_written_meanwhile_is_not_touched(tmp_path):
    one, target = stored(tmp_path / "one", made()), tmp_path / "merged"
    merge = prepare_merge([one], target)
    stored(target, made(seed=1))
    with pytest.raises(StoreError, match="another command has written"):
        merge.write()
    assert len(pd.read_parquet(target / "runs")) == 1
