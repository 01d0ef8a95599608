import pytest

from ablate.analysis.margin import Margin
from ablate.errors import SpecError


@pytest.mark.parametrize(
    ("text", "margin"),
    [("0.01", Margin(0.01)), ("5%", Margin(0.05, relative=True)), ("0", Margin(0.0)), (" .5 ", Margin(0.5))],
)
def test_a_margin_is_a_size_or_a_share_and_is_written_as_it_was_read(text, margin):
    assert Margin.parse(text) == margin
    assert Margin.parse(str(margin)) == margin


@pytest.mark.parametrize("text", ["-1", "one", "5%%", "", "1e-3", "nan"])
def test_anything_else_is_refused_with_what_is_legal(text):
    with pytest.raises(SpecError, match=r"--margin: .* is neither .* as 0\.01 .* as 5%"):
        Margin.parse(text)


def test_a_relative_margin_is_a_share_of_the_size_of_the_references_value():
    assert Margin(0.1, relative=True).absolute(-50.0) == 5.0
    assert Margin(0.1, relative=True).absolute(float("nan")) == 0.0
    assert Margin(0.1).absolute(float("nan")) == 0.1
