"""The choice of learning rates as a table: the accuracy of each variant at each rate. The chosen rate is marked."""

from collections.abc import Sequence

from ablate.analysis.tuning import Choice
from ablate.experiment.levels import label, spans
from ablate.report.numbers import PERCENT, Symbols, counted
from ablate.report.sections import Column, Section
from ablate.report.simulated import marked


def tuning_section(
    choices: Sequence[Choice], seeds: Sequence[int], symbols: Symbols, *, simulated: bool
) -> Section:
    """Returns the table of mean final validation accuracies by variant and learning rate.

    A `-` stands for a rate that was not tried.
    """
    rates = sorted({tried.rate for choice in choices for tried in choice.tried})
    columns = [
        Column(f"lr {label(rate)}\nval %", [_cell(choice, rate, symbols) for choice in choices], right=True)
        for rate in rates
    ]
    chosen = Column("chosen\nlr", [label(choice.best.rate) for choice in choices], right=True)
    edge = counted(sum(choice.is_at_the_edge for choice in choices), "variant")
    note = f"The best rate of {edge} is the smallest or the largest tried; a better one may lie beyond it."
    return Section(
        marked(f"Learning rates, chosen on seeds {spans(seeds)}, which are not compared", simulated),
        (Column("variant", [choice.name for choice in choices]),),
        (tuple(columns), (chosen,)),
        note if any(choice.is_at_the_edge for choice in choices) else "",
    )


def _cell(choice: Choice, rate: float, symbols: Symbols) -> str:
    tried = next((tried for tried in choice.tried if tried.rate == rate), None)
    if tried is None:
        return "-  "
    lost = tried.runs - tried.finished
    mark = f" {symbols.best}" if tried == choice.best else "  "
    return f"({lost} unfinished) " * bool(lost) + PERCENT.text(tried.accuracy) + mark
