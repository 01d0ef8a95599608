import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from importlib.resources import files

import pytest

from tests.report.page.pages import grid, page_of


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
    assert "ablate run experiment.toml -o 'results/de<mo'" in text
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
