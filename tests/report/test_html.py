import json
import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from importlib.resources import files

import pytest

from ablate.analysis.convergence import Target
from ablate.analysis.findings import find
from ablate.analysis.summary import summarize
from ablate.report.columns import Column
from ablate.report.html import Origin, to_html
from ablate.report.page.curves import curves_data
from ablate.report.page.tables import table_html, value
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

EVIL = '</script><img src=x onerror="document.title=1">&'
ORIGIN = Origin(
    "de<mo", f'dataset = "digits" # {EVIL}\n', {"torch": "2.15.0", "cpu": EVIL, "experiment": "hidden"}
)


def grid():
    return [
        made(
            activation,
            norm,
            seed=seed,
            val=(0.1, 0.5 + 0.01 * seed, last - 0.02 * seed),
            status={"tanh": DIVERGED, EVIL: FAILED}.get(activation, "finished"),
        )
        for activation, last in (("sigmoid", 0.6), ("tanh", 0.8), ("relu", 0.9), ("gelu", 0.95), (EVIL, 0.5))
        for norm in ("off", "batch")
        for seed in (0, 1)
    ]


def summary_of(runs):
    stored, curves = frames(*runs)
    return summarize(stored, curves, Target.parse("0.7"), None, "best_val_accuracy"), curves


def page_of(runs, origin=ORIGIN):
    summary, curves = summary_of(runs)
    return to_html(summary, curves, find(summary), origin)


@pytest.fixture(scope="module")
def page():
    return page_of(grid())


def without_plotly(page):
    return re.sub(r"<script>/\*\*.*?</script>", "", page, count=1, flags=re.DOTALL)


def test_the_page_says_what_was_run_what_was_found_and_how_to_repeat_it(page):
    text = unescape(re.sub(r"<[^>]+>", " ", without_plotly(page)))
    assert "digits (mlp): 20 runs, 10 variants, 2 seeds (0-1)" in text
    assert "gelu norm=off dropout=0: +5.0" in text
    assert "8 of 20 runs did not finish" in text
    assert "What matters for the best validation accuracy" in text
    assert 'dataset = "digits"' in text
    assert "ablate run experiment.toml -o results/de<mo" in text
    assert "2.15.0" in text
    assert "hidden" not in re.findall(r'data-text="([^"]*)"', page)


def test_no_text_of_the_results_becomes_markup(page):
    assert "<img" not in without_plotly(page)
    assert page.count("</script>") == 3


def test_the_same_results_give_the_same_page(page):
    assert page_of(grid()) == page


def test_only_the_scripts_of_the_page_may_run_and_nothing_may_be_loaded(page):
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    hashes = ["sha256-" + b64encode(sha256(script.encode()).digest()).decode() for script in scripts]
    assert re.findall(r"'(sha256-[^']*)'", policy) == hashes
    assert len(hashes) == 2
    assert not re.search(r"(?:src|href)=\"(?!#)", without_plotly(page))


def test_the_curves_are_the_bands_over_seeds_and_null_where_nothing_is_known(page):
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


def luminance(colour):
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("back", ["back", "soft"])
@pytest.mark.parametrize("text", ["text", "muted", "accent", "best", "worst"])
def test_text_has_the_contrast_that_wcag_asks_for(scheme, back, text):
    css = (files("ablate.report.page") / "page.css").read_text(encoding="utf-8")
    colours = dict(
        re.findall(r"--([\w-]+): (#[0-9a-f]{6});", re.findall(r":root \{(.*?)\}", css, re.DOTALL)[scheme])
    )
    low, high = sorted((luminance(colours[text]), luminance(colours[back])))
    assert (high + 0.05) / (low + 0.05) >= 4.5
