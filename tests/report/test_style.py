from itertools import combinations

import numpy as np
import pytest

from ablate.report.style import DARK, ON_DARK, ON_WHITE, WHITE, look

# Machado et al. 2009, severity 1.0, on linear RGB.
SIGHT = {
    "all colours": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    channels = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return linear(colour) @ TO_XYZ[1]


def lab(rgb):
    xyz = TO_XYZ @ np.clip(rgb, 0, 1) / (0.9505, 1, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize(("palette", "background"), [(ON_WHITE, WHITE), (ON_DARK, DARK)])
def test_colours_stand_out_from_the_background(palette, background):
    for colour in palette:
        low, high = sorted((luminance(colour), luminance(background)))
        assert (high + 0.05) / (low + 0.05) >= 3


@pytest.mark.parametrize("palette", [ON_WHITE, ON_DARK])
@pytest.mark.parametrize("sight", SIGHT.values(), ids=SIGHT)
def test_colours_differ_for_every_kind_of_sight(palette, sight):
    seen = [lab(np.array(sight) @ linear(colour)) for colour in palette]
    assert min(np.linalg.norm(first - second) for first, second in combinations(seen, 2)) >= 25


def test_lines_differ_without_colour():
    looks = [look(place) for place in range(36)]
    assert len({(each.marker, each.line) for each in looks}) == 36
    assert len({(each.symbol, each.dash) for each in looks}) == 36
