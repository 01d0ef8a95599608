import json
import re

import pytest

from ablate.report.page.curves import curves_data
from tests.made_up import made
from tests.report.page.pages import grid, page_of, summary_of


def test_the_curves_are_the_bands_over_seeds_and_null_where_nothing_is_known():
    page = page_of(grid())
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, flags=re.DOTALL)[1])
    assert data == curves_data(*summary_of(grid()))
    lines = {line["variant"]: line for line in data["lines"]}
    relu = lines["relu norm=off dropout=0"]["bands"]["val_accuracy"]
    assert relu["step"] == [0, 10, 20]
    assert relu["mean"] == pytest.approx([0.1, 0.505, 0.89])
    assert lines["tanh norm=batch dropout=0"]["bands"]["val_loss"] == {
        "step": [],
        "mean": [],
        "low": [],
        "high": [],
    }
    single = curves_data(*summary_of([made(), made("gelu")]))["lines"][0]["bands"]["val_accuracy"]
    assert single["low"] == [None, None, None]


def test_lines_of_one_level_share_a_colour_and_those_of_one_background_a_dash():
    lines = curves_data(*summary_of(grid()))["lines"]
    assert len({(line["levels"]["activation"], line["look"]) for line in lines}) == 5
    assert len({(line["levels"]["norm"], line["dash"]) for line in lines}) == 2
    assert len({(line["look"], line["dash"]) for line in lines}) == 10
