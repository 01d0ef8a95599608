"""Slices of a grid: the variants that a figure compares. All other factors have the reference's levels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from ablate.analysis.metrics import VARIANT
from ablate.analysis.summary import Summary
from ablate.analysis.variants import levels_of
from ablate.experiment.grid import name_of
from ablate.report.headings import level_words
from ablate.report.numbers import counted

# Factors preferred for the panels. The first one that is varied and not used for the lines is taken.
_FACETS = ("norm", "dropout")
_MOST_PANELS = 4


@dataclass(frozen=True)
class Slice:
    """Runs that differ in at most two factors. All other factors have the reference's levels.

    A figure has one line per level of `factor` and one panel per level of `facet`. Without a facet there is a single
    panel, and `panels` is `("",)`. `held` are the levels of all other factors.
    """

    factor: str
    levels: tuple[str, ...]
    facet: str | None
    panels: tuple[str, ...]
    held: dict[str, str]
    runs: pd.DataFrame

    def variants(self, panel: str) -> Iterator[tuple[int, str, str | None]]:
        """Yields index, level and variant of each line of a panel. The variant is None if it was never run."""
        runs = self.runs if self.facet is None else self.runs[self.runs[self.facet] == panel]
        names = dict(zip(runs[self.factor], runs[VARIANT], strict=True))
        for index, level in enumerate(self.levels):
            yield index, level, names.get(level)

    def title(self, panel: str) -> str:
        """Returns the title of a panel, such as `dropout 0.5`."""
        return level_words(self.facet, panel) if self.facet else ""

    def about(self) -> str:
        """Returns the common settings and the meaning of bands, such as `digits (mlp), dropout=0; ... 5 seeds`."""
        first, seeds = self.runs.iloc[0], counted(self.runs["seed"].nunique(), "seed")
        data, held = f"{first['dataset']} ({first['model']})", name_of(self.held, tuple(self.held))
        return f"{', '.join(filter(None, (data, held)))}; mean and 95 % interval over {seeds}"

    def unfinished(self, panel: str) -> str:
        """Returns the unfinished runs of a panel, such as `failed: relu 2 of 5`, or an empty text."""
        counts = []
        for _, level, variant in self.variants(panel):
            finished = self.runs.loc[self.runs[VARIANT] == variant, "finished"]
            if not finished.all():
                counts.append(f"{level} {(~finished).sum()} of {len(finished)}")
        return f"failed: {', '.join(counts)}" if counts else ""


def lines_and_panels(summary: Summary, factor: str) -> Slice:
    """Returns the slice with a line per level of a factor, and a panel per level of a second factor with few levels."""
    others = [name for name in dict.fromkeys((*_FACETS, *summary.factors)) if name != factor]
    counts = {name: summary.runs[name].nunique() for name in others}
    facet = next((name for name in others if 1 < counts[name] <= _MOST_PANELS), None)
    held, runs = _as_in_the_reference(summary, (factor, facet))
    panels = ("",) if facet is None else levels_of(runs, facet)
    # The levels of all runs are used, so that a level has the same look in every figure.
    return Slice(factor, levels_of(summary.runs, factor), facet, panels, held, runs)


def panels_only(summary: Summary, factor: str) -> Slice:
    """Returns the slice with one panel per level of a factor. All other factors have the reference's levels."""
    held, runs = _as_in_the_reference(summary, (factor,))
    other, level = next(iter(held.items()))
    return Slice(other, (level,), factor, levels_of(runs, factor), held, runs)


def _as_in_the_reference(summary: Summary, free: Sequence[str | None]) -> tuple[dict[str, str], pd.DataFrame]:
    """Returns the reference's levels of all factors not in `free`, and the runs that have these levels."""
    held = {name: level for name, level in summary.reference_levels.items() if name not in free}
    runs = summary.runs
    return held, runs[(runs[list(held)] == pd.Series(held)).all(axis=1)]
