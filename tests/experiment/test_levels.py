import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.experiment.levels import spans


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([0, 1, 2, 3, 4], "0-4"), ([7, 1], "1, 7"), ([4, 0, 1, 1, 9, 8], "0-1, 4, 8-9"), ([3], "3"), ([], "")],
)
def test_seeds_are_written_as_ranges(numbers, text):
    assert spans(numbers) == text


@given(st.sets(st.integers(0, 60)))
def test_ranges_hold_exactly_the_numbers(numbers):
    held = set()
    for part in filter(None, spans(numbers).split(", ")):
        low, _, high = part.partition("-")
        held |= set(range(int(low), int(high or low) + 1))
    assert held == numbers
