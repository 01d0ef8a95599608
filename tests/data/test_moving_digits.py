"""Videos whose every frame is known: the digit's numbers, moved by the direction's step."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ablate.data.dataset import load
from ablate.data.moving_digits import DIRECTIONS
from ablate.data.sources import read_raw
from ablate.experiment.datasets import DATASETS
from ablate.experiment.spec import build


@pytest.fixture(scope="module")
def raw():
    return read_raw("moving-digits", None)


def test_every_frame_holds_the_whole_digit(raw):
    assert raw.x.shape == (1797, *DATASETS["moving-digits"].shape)
    totals = load_digits().images.sum((1, 2))
    np.testing.assert_array_equal(raw.x.sum((1, 3, 4)), np.repeat(totals[:, np.newaxis], 6, axis=1))


def test_the_centroid_moves_by_the_step_of_the_labels_direction(raw):
    axis = np.arange(16)
    mass = raw.x[:, 0].sum((2, 3))
    rows = (raw.x[:, 0].sum(3) * axis).sum(2) / mass
    columns = (raw.x[:, 0].sum(2) * axis).sum(2) / mass
    steps = np.array(DIRECTIONS)[raw.y]
    assert {tuple(step) for step in steps} == {(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)} - {(0, 0)}
    np.testing.assert_allclose(np.diff(rows, axis=1), np.repeat(steps[:, :1], 5, axis=1), atol=1e-12)
    np.testing.assert_allclose(np.diff(columns, axis=1), np.repeat(steps[:, 1:], 5, axis=1), atol=1e-12)


def test_directions_are_about_equally_frequent_and_starts_are_everywhere(raw):
    counts = np.bincount(raw.y, minlength=8)
    assert counts.min() > 1797 / 8 * 0.8
    still = raw.x[raw.y == 0][:, 0, 0].sum(2) > 0  # moves right, so its first row can be any of nine
    assert {int(rows.argmax()) for rows in still} >= set(range(9))


def test_the_digit_can_be_the_label_of_the_same_videos(raw):
    digits = read_raw("moving-digits:digit", None)
    np.testing.assert_array_equal(digits.x, raw.x)
    np.testing.assert_array_equal(digits.y, load_digits().target)
    assert (digits.classes, raw.classes) == (10, 8)


def test_no_video_is_in_two_splits():
    data = load(build({"dataset": "moving-digits", "model": "cnn3d"}))
    parts = [{video.numpy().tobytes() for video in x} for x in (data.x_train, data.x_val, data.x_test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 1797
