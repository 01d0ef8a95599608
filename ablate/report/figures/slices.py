"""Slices of a grid: which variants a figure puts side by side, and what of the reference the others keep."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from ablate.analysis.metrics import VARIANT
from ablate.analysis.summary import Summary
from ablate.analysis.variants import levels_of
from ablate.experiment.grid import name_of
from ablate.report.headings import level_words
from ablate.report.numbers import counted

# What stands in columns, the first of these that is varied and not the factor of the lines.
_FACETS = ("norm", "dropout")
_MOST_COLUMNS = 4


@dataclass(frozen=True)
class Slice:
    """Variants that differ in two factors, the other factors as in the reference.

    Attributes:
        factor: A line for each of its levels.
        levels: In order.
        facet: A panel for each of its levels, None for a single panel.
        panels: Its levels, in order; `("",)` without a facet.
        held: The levels of all other factors.
        runs: The runs of these variants.
    """

    factor: str
    levels: tuple[str, ...]
    facet: str | None
    panels: tuple[str, ...]
    held: dict[str, str]
    runs: pd.DataFrame

    def variants(self, panel: str) -> Iterator[tuple[int, str, str | None]]:
        """Yields place, level and variant of each line of a panel; the variant is None if it was never run."""
        here = self.runs if self.facet is None else self.runs[self.runs[self.facet] == panel]
        names = dict(zip(here[self.factor], here[VARIANT], strict=True))
        for place, level in enumerate(self.levels):
            yield place, level, names.get(level)

    def title(self, panel: str) -> str:
        """Returns what a panel shows: `batch norm`."""
        return level_words(self.facet, panel) if self.facet else ""

    def about(self) -> str:
        """Returns what all lines have in common and what bands are: `digits (mlp), dropout=0; ... 5 seeds`."""
        first = self.runs.iloc[0]
        kept = name_of(self.held, tuple(self.held))
        seeds = counted(self.runs["seed"].nunique(), "seed")
        data = f"{first['dataset']} ({first['model']})" + (f", {kept}" if kept else "")
        return f"{data}; mean and 95 % interval over {seeds}"

    def unfinished(self, panel: str) -> str:
        """Returns which runs of a panel did not finish: `failed: relu 2 of 5`, or nothing."""
        counts = []
        for _, level, variant in self.variants(panel):
            runs = self.runs[self.runs[VARIANT] == variant]
            failed = int((~runs["finished"]).sum())
            if failed:
                counts.append(f"{level} {failed} of {len(runs)}")
        return f"failed: {', '.join(counts)}" if counts else ""


def lines_and_panels(summary: Summary, factor: str) -> Slice:
    """Returns the slice with a line a level of a factor and, where it fits, a panel a level of a second one."""
    others = [name for name in dict.fromkeys((*_FACETS, *summary.factors)) if name != factor]
    counts = {name: summary.runs[name].nunique() for name in others}
    facet = next((name for name in others if 1 < counts[name] <= _MOST_COLUMNS), None)
    return _slice(summary, factor, facet)


def panels_only(summary: Summary, factor: str) -> Slice:
    """Returns the slice with a panel a level of a factor and all else as in the reference."""
    other = next(name for name in summary.factors if name != factor)
    found = _slice(summary, other, factor)
    level = summary.reference_levels[other]
    runs = found.runs[found.runs[other] == level]
    held = {name: level if name == other else found.held[name] for name in summary.factors if name != factor}
    return Slice(other, (level,), factor, levels_of(runs, factor), held, runs)


def _slice(summary: Summary, factor: str, facet: str | None) -> Slice:
    held = {name: level for name, level in summary.reference_levels.items() if name not in (factor, facet)}
    runs = summary.runs
    for name, level in held.items():
        runs = runs[runs[name] == level]
    panels = ("",) if facet is None else levels_of(runs, facet)
    # A level keeps its look in every figure, so all levels count that occur anywhere.
    return Slice(factor, levels_of(summary.runs, factor), facet, panels, held, runs)
