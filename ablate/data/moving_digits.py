"""Videos made from scikit-learn's digits, in which a digit moves across a canvas in one of eight directions."""

import numpy as np

from ablate.data.raw import Array, Labels, RawData
from ablate.experiment.datasets import FRAMES, MOVING_SIZE
from ablate.experiment.seeding import derive

# Rows and columns that a picture moves per frame, clockwise from "to the right"; the index in this tuple is the label.
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def moving_digits(pictures: Array, digits: Labels, label: str) -> RawData:
    """Returns a dataset with one video per picture, so that no picture appears in two splits.

    The direction and the start position of a video depend only on the index of the picture. All start positions for
    which the picture stays on the canvas are equally likely. Pixels of the canvas around the picture are 0.

    `pictures` has the shape (samples, height, width), and `digits` has the shape (samples,). `label` selects the labels
    of the videos: `direction` or `digit`.
    """
    videos = np.zeros((len(pictures), 1, FRAMES, MOVING_SIZE, MOVING_SIZE), dtype=pictures.dtype)
    directions = np.empty(len(pictures), dtype=np.int64)
    height, width = pictures.shape[1:]
    for index, picture in enumerate(pictures):
        directions[index] = derive(index, "video", "direction") % len(DIRECTIONS)
        down, right = DIRECTIONS[directions[index]]
        row = _start(index, "row", MOVING_SIZE - height, down)
        column = _start(index, "column", MOVING_SIZE - width, right)
        for frame in videos[index, 0]:
            frame[row : row + height, column : column + width] = picture
            row, column = row + down, column + right
    y, classes = (digits, 10) if label == "digit" else (directions, len(DIRECTIONS))
    return RawData(videos, y, videos[:0], y[:0], classes)


def _start(index: int, axis: str, room: int, step: int) -> int:
    """Returns a start position along one axis, such that the picture stays on the canvas in all frames.

    `room` is the number of free pixels along the axis, and `step` is the number of pixels that the picture moves per
    frame.
    """
    distance = (FRAMES - 1) * abs(step)
    start = derive(index, "video", axis) % (room - distance + 1)
    return start + distance if step < 0 else start
