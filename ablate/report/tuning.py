"""The choice of learning rates as a table: each variant by the rates tried, the one chosen marked."""

from collections.abc import Sequence

from ablate.analysis.tuning import Choice, Tried
from ablate.experiment.levels import label
from ablate.report.columns import Column
from ablate.report.numbers import PERCENT, Symbols, counted, spans
from ablate.report.tables import Section


def tuning_section(choices: Sequence[Choice], seeds: Sequence[int], symbols: Symbols) -> Section:
    """Returns the table of rates: mean final validation accuracy, `-` for a rate that a variant did not try.

    Args:
        choices: One a variant.
        seeds: Those the rates were tried on.
        symbols: The mark of the best.
    """
    rates = sorted({tried.rate for choice in choices for tried in choice.tried})
    columns = [
        Column(f"lr {label(rate)}\nval %", [_cell(choice, rate, symbols) for choice in choices], right=True)
        for rate in rates
    ]
    chosen = Column("chosen\nlr", [label(choice.best.rate) for choice in choices], right=True)
    edge = [choice.name for choice in choices if choice.is_at_the_edge]
    note = (
        f"The best rate of {counted(len(edge), 'variant')} is the smallest or the largest tried; "
        "a better one may lie beyond it."
    )
    return Section(
        f"Learning rates, chosen on seeds {spans(seeds)}, which are not compared",
        (Column("variant", [choice.name for choice in choices]),),
        (tuple(columns), (chosen,)),
        note if edge else "",
    )


def _cell(choice: Choice, rate: float, symbols: Symbols) -> str:
    found = [tried for tried in choice.tried if tried.rate == rate]
    if not found:
        return "-  "
    return _accuracy(found[0]) + (f" {symbols.best}" if found[0] == choice.best else "  ")


def _accuracy(tried: Tried) -> str:
    lost = tried.runs - tried.finished
    return f"({lost} unfinished) {PERCENT.text(tried.accuracy)}" if lost else PERCENT.text(tried.accuracy)
