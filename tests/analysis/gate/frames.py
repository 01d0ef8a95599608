"""Made-up scored runs for gates: so many variants and seeds, with noise of a known size."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from ablate.analysis.gate.compare import compare
from ablate.analysis.gate.metrics import chosen_metrics
from ablate.analysis.gate.sides import Side
from ablate.analysis.gate.verdict import Comparison, Finding, Reason, reasons
from ablate.analysis.metrics import Metric
from ablate.store.schema import SCORES
from tests.made_up import DEFAULT_SETTINGS

RED = (Reason.REGRESSION,)
METRICS = tuple(metric for metric in chosen_metrics([], []) if metric.decides)
ACCURACY = chosen_metrics(["val_accuracy"], [])
TYPICAL = {
    "best_val_accuracy": 0.96,
    "val_accuracy": 0.95,
    "gap_accuracy": 0.02,
    "restricted_steps": 80.0,
    "aulc": 0.9,
}


def runs(
    activations: Sequence[str] = ("relu", "tanh"),
    seeds: Iterable[int] = range(6),
    noise: float = 0.004,
    draw: int = 0,
) -> pd.DataFrame:
    generator = np.random.default_rng(draw)
    rows = [_row(activation, seed, noise, generator) for activation in activations for seed in seeds]
    return pd.DataFrame(rows).assign(failed_step=pd.NA, message=None).astype({"failed_step": "Int64"})


def _row(activation: str, seed: int, noise: float, generator: np.random.Generator) -> dict[str, object]:
    scores = {name: value + noise * value * generator.normal() for name, value in TYPICAL.items()}
    others = [name for name in (*SCORES.names, "gap_loss") if name not in TYPICAL]
    losses = {name: abs(generator.normal()) for name in others}
    return {
        **DEFAULT_SETTINGS,
        "epochs": 10,
        "run_id": f"{activation}-{seed}",
        "activation": activation,
        "seed": seed,
        "dataset": "digits",
        "model": "mlp",
        "steps": 170,
        "parameters": 12_060,
        "status": "finished",
        "finished": True,
        "best_epoch": 9.0,
        "device": "cpu",
        "simulated": False,
        "step_seconds": 1e-3,
        **scores,
        **losses,
    }


def side(frame: pd.DataFrame, target: float = 0.9, **settings: object) -> Side:
    return Side(frame, target, settings)


def with_loss(
    frame: pd.DataFrame, loss: float, activation: str | None = None, metric: str = "val_accuracy"
) -> pd.DataFrame:
    hit = frame["activation"].eq(activation) if activation else np.ones(len(frame), dtype=bool)
    return frame.assign(**{metric: frame[metric] - loss * hit})


def with_status(frame: pd.DataFrame, status: str, activation: str, *seeds: int) -> pd.DataFrame:
    hit = frame["activation"].eq(activation) & frame["seed"].isin(seeds)
    return frame.assign(status=frame["status"].mask(hit, status), finished=frame["finished"] & ~hit)


def finding(comparison: Comparison, variant: str, metric: str) -> Finding:
    name = f"{variant} norm=off dropout=0" if variant in ("relu", "tanh", "gelu") else variant
    (found,) = [each for each in comparison.findings if (each.variant, each.metric) == (name, metric)]
    return found


def gate(
    baseline: pd.DataFrame, candidate: pd.DataFrame, metrics: Sequence[Metric] = METRICS, **options: bool
) -> tuple[Comparison, tuple[Reason, ...]]:
    """Returns the comparison of two frames and why it does not pass."""
    comparison = compare(side(baseline), side(candidate), metrics, 0.05, **options)
    return comparison, reasons(comparison, allow_missing=False)
