import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from ablate.data.split import probe, split
from ablate.experiment.seeding import derive


def _labels(counts, seed=0):
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))


problems = st.tuples(
    st.lists(st.integers(8, 60), min_size=2, max_size=6),
    st.floats(0.2, 0.4),
    st.floats(0.2, 0.4),
    st.integers(0, 2**32 - 1),
)


@settings(max_examples=60, deadline=None)
@given(problems)
def test_the_three_parts_are_disjoint_complete_exact_and_stratified(problem):
    counts, val_share, test_share, seed = problem
    y = _labels(counts)
    test = round(len(y) * test_share)
    val = round((len(y) - test) * val_share)
    parts = split(y, val, test, seed)
    assert [len(part) for part in parts] == [len(y) - val - test, val, test]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
    for part, whole in ((parts[2], np.arange(len(y))), (parts[1], np.concatenate(parts[:2]))):
        expected = np.bincount(y[whole]) * len(part) / len(whole)
        assert np.all(np.abs(np.bincount(y[part], minlength=len(counts)) - expected) < 1 + 1e-9)
    for part in parts:
        assert part.dtype == np.int64
        assert np.all(np.diff(part) > 0)


def test_a_dataset_with_its_own_test_set_gives_none_of_its_training_samples_to_it():
    y = _labels([30, 50, 20])
    train, val, test = split(y, 20, 0, 3)
    assert (len(train), len(val), len(test)) == (80, 20, 0)
    np.testing.assert_array_equal(np.bincount(y[val]), [6, 10, 4])


def test_the_parts_are_scikit_learns_for_the_derived_seeds():
    y = _labels([40, 60])
    train, val, test = split(y, 15, 10, 11)
    rest, held = train_test_split(
        np.arange(100), test_size=10, random_state=derive(11, "split", "test") % 2**32, stratify=y
    )
    rest = np.sort(rest)
    np.testing.assert_array_equal(test, np.sort(held))
    seed = derive(11, "split", "val") % 2**32
    left, taken = train_test_split(rest, test_size=15, random_state=seed, stratify=y[rest])
    np.testing.assert_array_equal(val, np.sort(taken))
    np.testing.assert_array_equal(train, np.sort(left))


def test_a_split_seed_always_gives_the_same_split_and_another_one_another():
    y = _labels([100, 100])
    first, again, other = split(y, 40, 40, 1), split(y, 40, 40, 1), split(y, 40, 40, 2)
    for part, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(part, same)
        assert not np.array_equal(part, different)


def test_no_global_random_state_is_moved():
    y = _labels([40, 40, 2])
    before = np.random.get_state()[1].copy()  # noqa: NPY002  it is this one that must not move
    split(y, 20, 20, 0)
    probe(y, 20, 0)
    probe(np.array([0, 0, 0, 1]), 2, 0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("counts", "val", "test", "flag", "parts"),
    [
        ([50, 50, 50], 2, 0, "--val-fraction", ("2 validation samples of 150", "3 labels", "3 to 147")),
        ([50, 50, 50], 148, 0, "--val-fraction", ("148 validation samples",)),
        ([50, 50, 50], 30, 2, "--test-fraction", ("2 test samples of 150",)),
        ([50, 1], 10, 0, "--val-fraction", ("label 1", "each label needs 2")),
        ([1, 50], 10, 10, "--test-fraction", ("label 0",)),
    ],
)
def test_a_split_too_small_for_its_labels_is_refused(refusal, counts, val, test, flag, parts):
    with refusal(flag, *parts):
        split(_labels(counts), val, test, 0)


@settings(max_examples=60, deadline=None)
@given(problems)
def test_the_probe_is_a_stratified_part_of_the_training_samples(problem):
    counts, share, _, seed = problem
    y = _labels(counts)
    size = round(len(y) * share)
    index = probe(y, size, seed)
    assert len(index) == size
    assert np.all(np.diff(index) > 0)
    assert index[0] >= 0
    assert index[-1] < len(y)
    assert np.all(
        np.abs(np.bincount(y[index], minlength=len(counts)) - np.array(counts) * size / len(y)) < 1 + 1e-9
    )
    np.testing.assert_array_equal(index, probe(y, size, seed))


def test_the_probe_has_a_stream_of_its_own():
    y = _labels([100, 100])
    assert not np.array_equal(probe(y, 50, 0), split(y, 50, 0, 0)[1])
    assert not np.array_equal(probe(y, 50, 0), probe(y, 50, 1))


@pytest.mark.parametrize("size", [6, 7])
def test_the_probe_is_all_of_a_training_set_no_larger_than_the_validation_set(size):
    np.testing.assert_array_equal(probe(np.array([0, 1, 0, 1, 0, 1]), size, 0), np.arange(6))


@pytest.mark.parametrize(
    ("counts", "size"),
    [([20, 1], 8), ([9, 9, 9], 2), ([9, 9, 9], 25)],
    ids=["a lone label", "fewer samples than labels", "fewer left than labels"],
)
def test_the_probe_of_labels_too_rare_to_stratify_is_drawn_at_random(counts, size):
    y = _labels(counts)
    index = probe(y, size, 0)
    assert len(np.unique(index)) == size
    np.testing.assert_array_equal(index, np.sort(index))
    np.testing.assert_array_equal(index, probe(y, size, 0))
    assert any(not np.array_equal(index, probe(y, size, seed)) for seed in range(1, 6))
