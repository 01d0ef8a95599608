"""Results of `ablate bench` as tables and as JSON: times of ablate and its rivals, or costs of training steps."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ablate.bench.contest import Contest, Spread, standings
from ablate.report.numbers import PERCENT, Unit, counted, unit_for
from ablate.report.sections import Column, Section

SCHEMA_VERSION = 1

_RATIO = Unit(1, 2)
# Work that the measured times do not include, as text for the table and the JSON document.
EXCLUDED = (
    "reading the data, except in the whole command",
    "warm-up of worker processes and of rivals, and making the rivals' networks",
)
_OF_STEP_COSTS = (
    "evaluation, making the networks and the first steps; in a stack of few runs, each run bears a larger share of the "
    "calls, so --seeds 32 comes closer to the cost inside a full stack"
)


@dataclass(frozen=True)
class Setting:
    """The setting of a measurement: the grid in one line, facts about the machine, and a remark on the data."""

    workload: str
    machine: Mapping[str, str]
    jobs: int
    rounds: int
    note: str = ""


def head(setting: Setting) -> list[str]:
    """Returns the lines above a table of times, which describe the workload, the machine and the measurement."""
    parts = [text if label == "cpu" else f"{label} {text}" for label, text in setting.machine.items()]
    rounds = (
        f"{counted(setting.rounds, 'round')}, everything once per round in turn; medians, ranges in brackets"
    )
    return [setting.workload, ", ".join(parts), rounds, *filter(None, [setting.note])]


def contest_section(contest: Contest) -> Section:
    """Returns the table of a contest between ablate's engine and its rivals, one row per contestant."""
    rows = standings(contest)
    peaks = ["-" if row.peak_bytes is None else f"{row.peak_bytes / 1e6:.0f}" for row in rows]
    return Section(
        "Time per run and step, evaluations included",
        (
            Column("", [row.contestant.label for row in rows]),
            Column("runs", [str(row.contestant.runs) for row in rows], right=True),
        ),
        (
            _spread_columns("us per run\nand step", [row.step_seconds for row in rows], 1e6),
            _spread_columns("ms per run", [row.run_seconds for row in rows], 1e3),
            _spread_columns("times the\nengine", [row.to_engine for row in rows], _RATIO),
            _spread_columns("times\n`ablate run`", [row.to_command for row in rows], _RATIO),
            _spread_columns("% of\nGEMM rate", [row.gemm_share for row in rows], PERCENT),
            (Column("peak MB of\na process", peaks, right=True),),
        ),
    )


def contest_notes(contest: Contest, setting: Setting) -> list[str]:
    """Returns the lines that explain the table of a contest.

    The lines describe the contestants, the work that is not timed, and the speed of matrix products.
    """
    rate = Spread.of(contest.gemm_rate)
    return [
        *(f"{contestant.label}: {contestant.about}." for contestant in contest.contestants),
        f"Excluded: {'; '.join(EXCLUDED)}. Rivals train a sample: each choice of levels with one dropout rate and "
        "one seed, vmap with all of them; times are per run.",
        f"GEMM rate: {rate.median / 1e9:.0f} GFLOP/s [{rate.low / 1e9:.0f}, {rate.high / 1e9:.0f}] in float32, "
        f"{contest.gemm_backend} backend, summed over {setting.jobs} process{'es' * (setting.jobs > 1)} at once. "
        "% of GEMM rate: the products that training and evaluation need, over the time. A rival of one thread keeps "
        "one core busy and leaves the others idle.",
    ]


def contest_json(contest: Contest, setting: Setting) -> str:
    """Returns the results of a contest between ablate's engine and its rivals as JSON.

    Times are in seconds, and shares are from 0 to 1.
    """
    rows = []
    for row in map(asdict, standings(contest)):
        contestant = row.pop("contestant")
        rows.append(contestant | {"seconds": list(contest.seconds[contestant["name"]])} | row)
    gemm = {"backend": contest.gemm_backend, "flops_per_second": list(contest.gemm_rate)}
    return _document(setting, EXCLUDED, {"gemm": gemm, "contestants": rows})


def step_costs_section(costs: pd.DataFrame, reference: str) -> Section:
    """Returns the table of the costs of a training step, the cheapest variant first.

    Ratios are relative to the variant `reference`. The columns of `costs` are `variant`, `runs`, `step_seconds`,
    `step_seconds_low` and `step_seconds_high`.
    """
    costs = _cheapest_first(costs, reference)
    spreads = [Spread(*row) for row in zip(*(costs[name] for name in _COST_COLUMNS), strict=True)]
    return Section(
        "Cost of a step of each variant, alone in its stack",
        (
            Column("variant", costs["variant"].tolist()),
            Column("runs", [str(runs) for runs in costs["runs"]], right=True),
        ),
        (
            _spread_columns("us per run\nand step", spreads, 1e6),
            (Column("times the\nreference", list(map(_RATIO.text, costs["to_reference"])), right=True),),
        ),
        f"Reference: {reference}. One process of one thread. Excluded: {_OF_STEP_COSTS}.",
    )


def step_costs_json(costs: pd.DataFrame, reference: str, setting: Setting) -> str:
    """Returns the costs of a training step as a JSON document, the cheapest variant first."""
    costs = _cheapest_first(costs, reference)
    rows = costs[["variant", "runs", *_COST_COLUMNS, "to_reference"]].to_dict("records")
    return _document(setting, (_OF_STEP_COSTS,), {"reference": reference, "variants": rows})


_COST_COLUMNS = ("step_seconds", "step_seconds_low", "step_seconds_high")


def _cheapest_first(costs: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Returns the costs of a training step in ascending order.

    The new column `to_reference` has the ratio of each cost to the cost of the variant `reference`.
    """
    base = costs.loc[costs["variant"] == reference, "step_seconds"].iloc[0]
    costs = costs.assign(to_reference=costs["step_seconds"] / base)
    return costs.sort_values("step_seconds", kind="stable")


def _spread_columns(heading: str, spreads: Sequence[Spread], written: Unit | float) -> tuple[Column, ...]:
    """Returns a tuple of one table column, which shows the median and the range of each spread.

    `written` is a unit, or only a scale factor. For a scale factor, the function chooses the number of decimals.
    """
    unit = written if isinstance(written, Unit) else unit_for((spread.median for spread in spreads), written)
    medians = [unit.text(spread.median) for spread in spreads]
    ranges = [f"[{unit.text(spread.low)}, {unit.text(spread.high)}]" for spread in spreads]
    if ranges == [f"[{median}, {median}]" for median in medians]:  # a single round has no range
        return (Column(heading, medians, right=True),)
    width, wide = max(map(len, medians)), max(map(len, ranges))
    cells = [f"{median:>{width}} {span:<{wide}}" for median, span in zip(medians, ranges, strict=True)]
    return (Column(heading, cells),)


def _document(setting: Setting, excluded: Sequence[str], measured: dict[str, Any]) -> str:
    about = {"schema_version": SCHEMA_VERSION} | asdict(setting)
    about |= {"note": setting.note or None, "excluded": list(excluded)}
    return json.dumps(about | measured, indent=1, allow_nan=False)
