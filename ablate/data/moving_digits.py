"""Videos made of scikit-learn's digits: each picture moves once over a canvas, in one of eight directions."""

import numpy as np

from ablate.data.raw import Array, Labels, RawData
from ablate.experiment.datasets import FRAMES, MOVING_SIZE
from ablate.experiment.seeding import derive

# Rows and columns a frame moves by, from right on clockwise; the place in here is the label.
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def moving_digits(pictures: Array, digits: Labels, label: str) -> RawData:
    """Returns one video of each picture, so that no picture is in two splits.

    Direction and start are a pure function of the picture's place; all starts from which a picture stays on the canvas
    are equally likely. A picture keeps its numbers, and the canvas is 0 around it.

    Args:
        pictures: (samples, height, width).
        digits: (samples,), what the pictures show.
        label: `direction` or `digit`, what is to be told from a video.
    """
    videos = np.zeros((len(pictures), 1, FRAMES, MOVING_SIZE, MOVING_SIZE), dtype=pictures.dtype)
    directions = np.empty(len(pictures), dtype=np.int64)
    height, width = pictures.shape[1:]
    for place, picture in enumerate(pictures):
        directions[place] = derive(place, "video", "direction") % len(DIRECTIONS)
        down, right = DIRECTIONS[directions[place]]
        row = _start(place, "row", MOVING_SIZE - height, down)
        column = _start(place, "column", MOVING_SIZE - width, right)
        for frame in videos[place, 0]:
            frame[row : row + height, column : column + width] = picture
            row, column = row + down, column + right
    y, classes = (digits, 10) if label == "digit" else (directions, len(DIRECTIONS))
    return RawData(videos, y, videos[:0], y[:0], classes)


def _start(place: int, axis: str, room: int, step: int) -> int:
    """Returns where a picture starts on an axis with so much room, to stay inside with such steps."""
    way = (FRAMES - 1) * abs(step)
    start = derive(place, "video", axis) % (room - way + 1)
    return start + way if step < 0 else start
