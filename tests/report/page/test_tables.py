import re

import pytest

from ablate.report.page.tables import table_html, value
from ablate.report.sections import Column


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("98.8 ±0.4 ▲", "98.8"),
        ("≥1,430 ±20", "1430"),
        (">540", "540"),
        ("-0.2 [-0.4, +0.1]", "-0.2"),
        ("+1.8", "+1.8"),
        ("-", ""),
        ("", ""),
        ("5/5", "5"),
    ],
)
def test_a_cell_is_sorted_by_its_number(text, number):
    assert value(text, numeric=True) == number


def test_a_column_with_any_word_is_sorted_as_text():
    columns = [Column("name", ["b", "a"]), Column("mixed", ["10", "no"]), Column("n", ["9", "-"])]
    html = table_html("t", "t", columns)
    assert re.findall(r'data-value="([^"]*)"', html) == ["b", "10", "9", "a", "no", ""]
    assert 'class="number" data-value="10"' not in html
    assert 'class="number" data-value="9"' in html
