"""The interactive curves of the HTML report: the data of the curves, and the controls that select curves."""

import math
from dataclasses import asdict
from typing import Any

import pandas as pd

from ablate.analysis.bands import curve_bands
from ablate.analysis.metrics import VARIANT
from ablate.analysis.summary import Summary
from ablate.analysis.variants import levels_of
from ablate.experiment.grid import name_of
from ablate.output.visible import visible
from ablate.report.headings import factor_words
from ablate.report.page.markup import escape
from ablate.report.simulated import MARK
from ablate.report.style import DASHES, look

# For each score: its column of `curves`, its name in words, and whether the score is a share.
SCORES = (
    ("val_accuracy", "validation accuracy", True),
    ("val_loss", "validation loss", False),
    ("train_accuracy", "training accuracy", True),
    ("train_loss", "training loss", False),
)
_DIGITS = 6


def curves_data(summary: Summary, curves: pd.DataFrame) -> dict[str, Any]:
    """Returns the data of the curves, which the script of the page draws, as values that JSON can represent.

    Unknown values are None. The level of the first factor determines the colour and the marker of a variant's curve.
    The levels of all other factors determine the dashes of the curve.
    """
    factors = summary.shown_factors
    bands = {name: curve_bands(summary.runs, curves, name) for name, _, _ in SCORES}
    variants = summary.runs[[VARIANT, *factors]].drop_duplicates().astype(str).to_dict("records")
    first_levels = levels_of(summary.runs, factors[0])
    backgrounds = list(dict.fromkeys(tuple(row[factor] for factor in factors[1:]) for row in variants))
    lines = [
        {
            "variant": visible(row[VARIANT]),
            "levels": {factor: visible(row[factor]) for factor in factors},
            "names": {factor: visible(name_of({factor: row[factor]}, (factor,))) for factor in factors},
            "look": first_levels.index(row[factors[0]]),
            "dash": DASHES[backgrounds.index(tuple(row[factor] for factor in factors[1:])) % len(DASHES)],
            "bands": {name: _band(table, row[VARIANT]) for name, table in bands.items()},
        }
        for row in variants
    ]
    return {
        "mark": MARK if summary.simulated else "",
        "factors": [{"name": factor} for factor in factors],
        "scores": [{"name": name, "words": words, "share": share} for name, words, share in SCORES],
        "target": _plain(summary.target_accuracy),
        "looks": [asdict(look(index)) for index in range(len(first_levels))],
        "lines": lines,
    }


def controls_html(summary: Summary) -> str:
    """Returns HTML inputs that choose a score and the levels of factors.

    At first, these levels are selected: all levels of the first factor, and the reference's level of each other factor.
    """
    options = "".join(f'<option value="{name}">{words}</option>' for name, words, _ in SCORES)
    score = f'<fieldset><legend>score</legend><label>of <select name="score">{options}</select></label>'
    log = '<label><input type="checkbox" name="logarithmic">logarithmic loss</label></fieldset>'
    fields = []
    for index, factor in enumerate(summary.shown_factors):
        boxes = "".join(
            f'<label><input type="checkbox" name="{factor}" value="{escape(visible(level))}"'
            f"{' checked' if index == 0 or level == summary.reference_levels[factor] else ''}>"
            f"{escape(visible(level))}</label>"
            for level in levels_of(summary.runs, factor)
        )
        fields.append(f"<fieldset><legend>{factor_words(factor)}</legend>{boxes}</fieldset>")
    return score + log + "".join(fields)


def _band(bands: pd.DataFrame, variant: str) -> dict[str, list[Any]]:
    band = bands[bands[VARIANT] == variant]
    return {"step": band["step"].tolist()} | {
        name: [_plain(value) for value in band[name].tolist()] for name in ("mean", "low", "high")
    }


def _plain(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
