import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablate.experiment import parsers
from ablate.experiment.levels import label

RATES = parsers.list_of(parsers.per_layer(parsers.real("a rate", lambda p: 0 <= p < 1)))
WIDTHS = parsers.list_of(parsers.per_layer(parsers.whole(1)))


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("5", (0, 1, 2, 3, 4)),
        (3, (0, 1, 2)),
        ("0-4", (0, 1, 2, 3, 4)),
        ("7-7", (7,)),
        ("1,7", (1, 7)),
        ("1,4-6", (1, 4, 5, 6)),
        ([9], (9,)),
        ([1, 7], (1, 7)),
    ],
)
def test_seeds_are_a_count_a_range_or_a_list(text, seeds):
    assert parsers.seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "a", "4-", "4-1", "1,1", "0-3,2", "1.5", [], [1, 1], ["x"], "0-9999999"]
)
def test_what_is_no_seeds_is_refused(text):
    with pytest.raises(ValueError, match=r"seed|whole number|twice"):
        parsers.seeds(text)


def test_slashes_separate_layers_and_commas_levels():
    assert WIDTHS("100/50,200/100") == ((100, 50), (200, 100))
    assert RATES("0,0.2/0.5") == ((0.0,), (0.2, 0.5))
    assert RATES(0.2) == ((0.2,),)
    assert RATES([0.2, "0/0.5", [0.1, 0.3]]) == ((0.2,), (0.0, 0.5), (0.1, 0.3))


@pytest.mark.parametrize(
    "received", ["", ",", "0.1,", "0.1,,0.2", [], "nan", "inf", "1", "-0.1", "0.2,0.2", True, "0.1/"]
)
def test_what_is_no_list_of_rates_is_refused(received):
    with pytest.raises(ValueError, match=r"not a rate|empty level|twice"):
        RATES(received)


@pytest.mark.parametrize("received", [0, "0", "1.5", 1.5, True, None, "ten", "100/0"])
def test_what_is_no_width_is_refused(received):
    with pytest.raises(ValueError, match="not a whole number of at least 1"):
        WIDTHS(received)


@given(
    st.lists(
        st.lists(st.floats(0, 0.999), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4, unique=True
    )
)
def test_labels_are_read_back_as_the_levels_they_name(rates):
    rates = list(dict.fromkeys(tuple(float(f"{rate:.12g}") for rate in level) for level in rates))
    assert RATES(",".join(label(level) for level in rates)) == tuple(rates)


def test_a_word_is_refused_with_the_nearest_legal_one():
    with pytest.raises(ValueError, match=r"'rleu' is not one of .*; did you mean 'relu'\?"):
        parsers.activation("rleu")
    assert parsers.activation("my.package:Function") == "my.package:Function"
    with pytest.raises(ValueError, match="is not one of off, batch, batch-post"):
        parsers.choice("off", "batch", "batch-post")(False)
