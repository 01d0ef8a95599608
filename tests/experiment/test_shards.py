import pytest

from ablate.experiment.shards import WHOLE, Shards, parse_shards


@pytest.mark.parametrize(
    ("text", "numbers", "count"),
    [
        ("2/5", (2,), 5),
        ("1,3/5", (1, 3), 5),
        ("1-3,5/7", (1, 2, 3, 5), 7),
        (" 4 / 5 ", (4,), 5),
        ("1/1", (1,), 1),
    ],
)
def test_shards_are_read_and_written(text, numbers, count):
    shards = parse_shards(text)
    assert shards == Shards(numbers, count)
    assert parse_shards(str(shards)) == shards


def test_all_shards_are_the_whole_grid_however_it_was_cut():
    assert parse_shards("1-5/5") == parse_shards("2,1/2") == WHOLE
    assert WHOLE.is_whole
    assert not parse_shards("2/5").is_whole


@pytest.mark.parametrize(
    "received",
    [
        "0/5",
        "6/5",
        "5",
        "2/0",
        "/5",
        "2/",
        "a/b",
        "-1/5",
        "3-1/5",
        "1/10001",
        "1" * 5000 + "/5",
        "",
        2,
        0.4,
        [2, 5],
        None,
    ],
)
def test_other_values_are_no_shards(received):
    with pytest.raises(ValueError, match="is not K/N with K from 1 to N") as error:
        parse_shards(received)
    assert len(str(error.value)) < 500


def test_shards_of_one_cut_can_be_joined():
    assert parse_shards("2/5").joined(parse_shards("1,4/5")) == parse_shards("1-2,4/5")
    assert parse_shards("1/2").joined(parse_shards("2/2")) == WHOLE
    assert parse_shards("2/5").joined(WHOLE) == WHOLE.joined(parse_shards("2/5")) == WHOLE
    with pytest.raises(ValueError, match="1/2 and 2/5 are shards of different cuts"):
        parse_shards("1/2").joined(parse_shards("2/5"))
