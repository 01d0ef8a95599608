import torch

from ablate.bench.plain_data import PlainData
from tests.bench.plain_runs import run_of

MLP, CNN = run_of(activation="relu", norm="off"), run_of(activation="relu", norm="off", model="cnn")


def test_an_mlp_reads_flat_samples_and_a_cnn_reads_pictures(digits):
    assert torch.equal(PlainData.of(digits, MLP, 1, "cpu").x, digits.x_train.flatten(1))
    assert torch.equal(PlainData.of(digits, CNN, 1, "cpu").x, digits.x_train)


def test_the_scored_sets_are_a_subset_of_the_training_data_and_the_validation_set(digits):
    (x, y), (x_val, y_val) = PlainData.of(digits, CNN, 1, "cpu").sets
    assert torch.equal(x, digits.x_train[digits.train_probe])
    assert torch.equal(y, digits.y_train[digits.train_probe])
    assert torch.equal(x_val, digits.x_val)
    assert torch.equal(y_val, digits.y_val)


def test_channels_are_last_in_memory_alone(digits):
    data = PlainData.of(digits, CNN, 1, "cpu")
    last = data.with_channels_last()
    for before, after in ((data.x, last.x), (data.sets[1][0], last.sets[1][0])):
        assert torch.equal(before, after)
        assert after.is_contiguous(memory_format=torch.channels_last)


def test_batches_are_full_and_have_every_sample_once_at_most_in_a_new_order_each_epoch(digits):
    data = PlainData.of(digits, MLP, 1, "cpu")
    first, second = data.batches(64, 0), data.batches(64, 1)
    assert first.shape == second.shape == (len(data.y) // 64, 64)
    assert len(first.unique()) == first.numel()
    assert not torch.equal(first, second)
    few = data.head(128)
    assert (len(few.x), sorted(few.batches(64, 0).flatten().tolist())) == (128, list(range(128)))
