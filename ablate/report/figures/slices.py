"""Slices of a grid: the variants that one figure compares.

A slice varies at most two factors, and all other factors have the levels of the reference variant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from ablate.analysis.metrics import VARIANT
from ablate.analysis.summary import Summary
from ablate.analysis.variants import levels_of
from ablate.experiment.grid import name_of
from ablate.report.headings import level_words
from ablate.report.numbers import counted

# Factors preferred for the panels. The panels use the first of these factors that is varied and is not used for the
# lines.
_FACETS = ("norm", "dropout")
_MOST_PANELS = 4


@dataclass(frozen=True)
class Slice:
    """Runs that differ in at most two factors and have the levels of the reference variant in all other factors.

    A figure of the slice has one line per level of the factor `factor` and one panel per level of the factor `facet`.
    If `facet` is None, the figure has a single panel, and `panels` is `("",)`. `held` maps all other factors to the
    levels of the reference variant.
    """

    factor: str
    levels: tuple[str, ...]
    facet: str | None
    panels: tuple[str, ...]
    held: dict[str, str]
    runs: pd.DataFrame

    def variants(self, panel: str) -> Iterator[tuple[int, str, str | None]]:
        """Yields the index, the level and the variant of each line of a panel.

        The variant is None if the results have no run of the variant.
        """
        runs = self.runs if self.facet is None else self.runs[self.runs[self.facet] == panel]
        names = dict(zip(runs[self.factor], runs[VARIANT], strict=True))
        for index, level in enumerate(self.levels):
            yield index, level, names.get(level)

    def title(self, panel: str) -> str:
        """Returns the title of a panel, such as `dropout 0.5`."""
        return level_words(self.facet, panel) if self.facet else ""

    def about(self) -> str:
        """Returns a text with the settings that all runs share and the meaning of bands.

        An example of the text is `digits (mlp), dropout=0; mean and 95 % interval over 5 seeds`.
        """
        first, seeds = self.runs.iloc[0], counted(self.runs["seed"].nunique(), "seed")
        data, held = f"{first['dataset']} ({first['model']})", name_of(self.held, tuple(self.held))
        return f"{', '.join(filter(None, (data, held)))}; mean and 95 % interval over {seeds}"

    def unfinished(self, panel: str) -> str:
        """Returns a text with the numbers of unfinished runs of a panel, such as `failed: relu 2 of 5`.

        The text is empty if all runs finished.
        """
        counts = []
        for _, level, variant in self.variants(panel):
            finished = self.runs.loc[self.runs[VARIANT] == variant, "finished"]
            if not finished.all():
                counts.append(f"{level} {(~finished).sum()} of {len(finished)}")
        return f"failed: {', '.join(counts)}" if counts else ""


def lines_and_panels(summary: Summary, factor: str) -> Slice:
    """Returns the slice for a figure with one line per level of `factor`.

    If a second factor has few levels, the figure has one panel per level of the second factor.
    """
    others = [name for name in dict.fromkeys((*_FACETS, *summary.factors)) if name != factor]
    counts = {name: summary.runs[name].nunique() for name in others}
    facet = next((name for name in others if 1 < counts[name] <= _MOST_PANELS), None)
    held, runs = _as_in_the_reference(summary, (factor, facet))
    panels = ("",) if facet is None else levels_of(runs, facet)
    # All levels in the results are used, so that a level has the same look in every figure.
    return Slice(factor, levels_of(summary.runs, factor), facet, panels, held, runs)


def panels_only(summary: Summary, factor: str) -> Slice:
    """Returns the slice for a figure with one panel per level of `factor`.

    All other factors have the levels of the reference variant.
    """
    held, runs = _as_in_the_reference(summary, (factor,))
    other, level = next(iter(held.items()))
    return Slice(other, (level,), factor, levels_of(runs, factor), held, runs)


def _as_in_the_reference(summary: Summary, free: Sequence[str | None]) -> tuple[dict[str, str], pd.DataFrame]:
    """Returns the reference variant's levels of all factors that are not in `free`, and all runs with these levels."""
    held = {name: level for name, level in summary.reference_levels.items() if name not in free}
    runs = summary.runs
    return held, runs[(runs[list(held)] == pd.Series(held)).all(axis=1)]
