"""The interactive curves of the page: their data, and the controls that choose among them."""

import math
from dataclasses import asdict
from html import escape
from typing import Any

import pandas as pd

from ablate.analysis.bands import curve_bands
from ablate.analysis.metrics import VARIANT
from ablate.analysis.summary import Summary
from ablate.analysis.variants import levels_of
from ablate.experiment.grid import name_of
from ablate.report.headings import factor_words
from ablate.report.style import DASHES, look

# Column of `curves`, its name, and whether it is a share.
SCORES = (
    ("val_accuracy", "validation accuracy", True),
    ("val_loss", "validation loss", False),
    ("train_accuracy", "training accuracy", True),
    ("train_loss", "training loss", False),
)
_DIGITS = 6


def curves_data(summary: Summary, curves: pd.DataFrame) -> dict[str, Any]:
    """Returns all the page's script draws, as values JSON can hold; what is not known is None.

    A variant has the colour and marker of its level of the first factor, and the dash of its other levels.

    Args:
        summary: Of the runs.
        curves: Frame with the columns of `store.schema.CURVES`.
    """
    factors = summary.shown_factors
    first, rest = factors[0], factors[1:]
    bands = {name: curve_bands(summary.runs, curves, name) for name, _, _ in SCORES}
    variants = summary.runs[[VARIANT, *summary.factors]].drop_duplicates().to_dict("records")
    looks = levels_of(summary.runs, first)
    backgrounds = list(dict.fromkeys(tuple(str(row[factor]) for factor in rest) for row in variants))
    lines = [
        {
            "variant": row[VARIANT],
            "levels": {factor: str(row[factor]) for factor in factors},
            "names": {factor: name_of({factor: str(row[factor])}, (factor,)) for factor in factors},
            "look": looks.index(str(row[first])),
            "dash": DASHES[backgrounds.index(tuple(str(row[factor]) for factor in rest)) % len(DASHES)],
            "bands": {name: _band(table, str(row[VARIANT])) for name, table in bands.items()},
        }
        for row in variants
    ]
    return {
        "factors": [{"name": factor} for factor in factors],
        "scores": [{"name": name, "words": words, "share": share} for name, words, share in SCORES],
        "target": _plain(summary.target_accuracy),
        "looks": [asdict(look(place)) for place in range(len(looks))],
        "lines": lines,
    }


def controls_html(summary: Summary) -> str:
    """Returns the choice of a score and of the levels of each factor, at first those beside the reference."""
    options = "".join(f'<option value="{name}">{words}</option>' for name, words, _ in SCORES)
    score = f'<fieldset><legend>score</legend><label>of <select name="score">{options}</select></label>'
    log = '<label><input type="checkbox" name="logarithmic">logarithmic loss</label></fieldset>'
    reference = summary.reference_levels
    fields = []
    for place, factor in enumerate(summary.shown_factors):
        boxes = "".join(
            f'<label><input type="checkbox" name="{factor}" value="{escape(level)}"'
            f"{' checked' if place == 0 or level == reference[factor] else ''}>{escape(level)}</label>"
            for level in levels_of(summary.runs, factor)
        )
        fields.append(f"<fieldset><legend>{factor_words(factor)}</legend>{boxes}</fieldset>")
    return score + log + "".join(fields)


def _band(table: pd.DataFrame, variant: str) -> dict[str, list[Any]]:
    mine = table[table[VARIANT] == variant]
    return {"step": mine["step"].tolist()} | {
        name: [_plain(number) for number in mine[name].tolist()] for name in ("mean", "low", "high")
    }


def _plain(number: float) -> float | None:
    return float(f"{number:.{_DIGITS}g}") if math.isfinite(number) else None
