"""A contest and the costs of steps, as tables and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ablate.bench.contest import Contest, Spread, Standing, standings
from ablate.report.columns import Column
from ablate.report.numbers import PERCENT, Unit, unit_for
from ablate.report.tables import Section

SCHEMA_VERSION = 1

_RATIO = Unit(1, 2)
# What no time contains, in the words of the table and of the document.
EXCLUDED = (
    "reading the data, except in the whole command",
    "warm-up of worker processes and of rivals, and making the rivals' networks",
)
_OF_STEP_COSTS = (
    "evaluation, making the networks and the first steps; a stack of few runs pays more of the calls it makes, so that "
    "--seeds 32 comes nearer to the cost inside a full stack"
)


@dataclass(frozen=True)
class Setting:
    """What was measured on what.

    Attributes:
        workload: One line.
        machine: Label and text, as `cpu` and its model.
        jobs: Worker processes of the engine.
        rounds: How often each was measured.
        note: What else has to be said, or nothing.
    """

    workload: str
    machine: Mapping[str, str]
    jobs: int
    rounds: int
    note: str = ""


def head(setting: Setting) -> list[str]:
    """Returns what stands above a table: the workload, the machine, and how it was measured."""
    machine = ", ".join(
        text if label == "cpu" else f"{label} {text}" for label, text in setting.machine.items()
    )
    rounds = f"{setting.rounds} round{'s' * (setting.rounds > 1)}"
    return [
        setting.workload,
        machine,
        f"{rounds}, everything once a round in turn; medians, ranges in brackets",
        *([setting.note] if setting.note else []),
    ]


def contest_section(contest: Contest) -> Section:
    """Returns the table of a contest, a contestant a row."""
    found = standings(contest)
    groups = [
        _spread_columns("us a run\nand step", [each.step_seconds for each in found], 1e6),
        _spread_columns("ms a run", [each.run_seconds for each in found], 1e3),
        _spread_columns("times the\nengine", [each.to_engine for each in found], _RATIO),
        _spread_columns("times\n`ablate run`", [each.to_command for each in found], _RATIO),
        _spread_columns("% of\nGEMM rate", [each.gemm_share for each in found], PERCENT),
        (Column("peak MB of\na process", [_megabytes(each.peak_bytes) for each in found], right=True),),
    ]
    return Section(
        "Time of a run and step, evaluations included",
        (
            Column("", [each.contestant.label for each in found]),
            Column("runs", [str(each.contestant.runs) for each in found], right=True),
        ),
        tuple(groups),
    )


def contest_notes(contest: Contest, setting: Setting) -> list[str]:
    """Returns how to read the table: who is who, what is left out, what the rate is."""
    rate = Spread.of(contest.gemm_rate)
    who = [f"{each.label}: {each.about}." for each in contest.contestants]
    return [
        *who,
        f"Excluded: {'; '.join(EXCLUDED)}. Rivals train a sample: each choice of levels with one dropout rate and "
        "seed, vmap all of them; times are a run's share.",
        f"GEMM rate: {rate.median / 1e9:.0f} GFLOP/s [{rate.low / 1e9:.0f}, {rate.high / 1e9:.0f}] in float32, "
        f"{contest.gemm_backend} backend, summed over {setting.jobs} "
        f"process{'es' * (setting.jobs > 1)} at once. Its share: products that training and evaluation need, over the "
        "time. A rival of one thread keeps one core busy and leaves the others idle.",
    ]


def contest_json(contest: Contest, setting: Setting) -> str:
    """Returns a contest as one JSON document, times in seconds, shares from 0 to 1."""
    document = _setting(setting, EXCLUDED) | {
        "gemm": {"backend": contest.gemm_backend, "flops_per_second": list(contest.gemm_rate)},
        "contestants": [_standing(each, contest) for each in standings(contest)],
    }
    return json.dumps(document, indent=1, allow_nan=False)


def step_costs_section(costs: pd.DataFrame, reference: str) -> Section:
    """Returns the table of step costs, the cheapest first.

    Args:
        costs: Columns `variant`, `runs`, `step_seconds`, `step_seconds_low`, `step_seconds_high`.
        reference: A variant among them.
    """
    costs = costs.sort_values("step_seconds", kind="stable")
    spreads = [Spread(*row) for row in zip(*(costs[name] for name in _COST_COLUMNS), strict=True)]
    return Section(
        "Cost of a step of each variant, alone in its stack",
        (
            Column("variant", costs["variant"].tolist()),
            Column("runs", [str(runs) for runs in costs["runs"]], right=True),
        ),
        (
            _spread_columns("us a run\nand step", spreads, 1e6),
            (Column("times the\nreference", _to_reference(costs, reference), right=True),),
        ),
        f"Reference: {reference}. One process of one thread. Excluded: {_OF_STEP_COSTS}.",
    )


def step_costs_json(costs: pd.DataFrame, reference: str, setting: Setting) -> str:
    """Returns step costs as one JSON document, the cheapest first."""
    costs = costs.sort_values("step_seconds", kind="stable")
    base = float(costs.loc[costs["variant"] == reference, "step_seconds"].iloc[0])
    rows = [
        {"variant": row["variant"], "runs": row["runs"]}
        | {name: row[name] for name in _COST_COLUMNS}
        | {"to_reference": row["step_seconds"] / base}
        for row in costs.to_dict("records")
    ]
    document = _setting(setting, (_OF_STEP_COSTS,)) | {"reference": reference, "variants": rows}
    return json.dumps(document, indent=1, allow_nan=False)


_COST_COLUMNS = ("step_seconds", "step_seconds_low", "step_seconds_high")


def _to_reference(costs: pd.DataFrame, reference: str) -> list[str]:
    base = float(costs.loc[costs["variant"] == reference, "step_seconds"].iloc[0])
    return [_RATIO.text(seconds / base) for seconds in costs["step_seconds"]]


def _spread_columns(heading: str, spreads: Sequence[Spread], written: Unit | float) -> tuple[Column, ...]:
    """Returns a column of medians and ranges, in a unit or in one of this scale that suits them."""
    unit = written if isinstance(written, Unit) else unit_for((each.median for each in spreads), written)
    low, high = ([unit.text(getattr(each, end)) for each in spreads] for end in ("low", "high"))
    medians = [unit.text(each.median) for each in spreads]
    if low == medians == high:  # a single round has no range
        return (Column(heading, medians, right=True),)
    ranges = [f"[{one}, {other}]" for one, other in zip(low, high, strict=True)]
    width, wide = max(map(len, medians)), max(map(len, ranges))
    cells = [f"{median:>{width}} {span:<{wide}}" for median, span in zip(medians, ranges, strict=True)]
    return (Column(heading, cells),)


def _megabytes(peak: int | None) -> str:
    return "-" if peak is None else f"{peak / 1e6:.0f}"


def _setting(setting: Setting, excluded: Sequence[str]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "workload": setting.workload,
        "machine": dict(setting.machine),
        "jobs": setting.jobs,
        "rounds": setting.rounds,
        "note": setting.note or None,
        "excluded": list(excluded),
    }


def _standing(standing: Standing, contest: Contest) -> dict[str, Any]:
    names = ("step_seconds", "run_seconds", "to_engine", "to_command", "gemm_share")
    each = standing.contestant
    return (
        asdict(each)
        | {"seconds": list(contest.seconds[each.name])}
        | {name: asdict(getattr(standing, name)) for name in names}
        | {"peak_bytes": standing.peak_bytes}
    )
