"""Measures how often the gate reports a false regression, and how often it finds a planted one, on real results.

    ablate run --activation relu,tanh,gelu --dropout 0,0.5 --seeds 60 --epochs 15 -o results/many
    python tests/benchmarks/gate_calibration.py results/many

Two disjoint sets of seeds are drawn repeatedly from the stored runs, as baseline and candidate, so every regression
that a gate reports is a false alarm. Then validation accuracy is reduced in the candidate, in one variant (a different
one each time) or in all. A loss of one variant counts as found only if the gate names that variant.

In rows labelled "pairs" the candidate's seeds get the baseline's numbers, so that the gate flips signs within pairs.
The two runs of such a pair have nothing in common. This is the hardest case for pairing, because real pairs differ less
than seeds do.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.analysis.convergence import Target
from ablate.analysis.gate.compare import ALPHA, compare
from ablate.analysis.gate.match import match
from ablate.analysis.gate.metrics import chosen_metrics
from ablate.analysis.gate.sides import Side, absolute_target, score
from ablate.analysis.gate.statistics import answer, flips_suffice
from ablate.analysis.gate.values import Seeds, Values
from ablate.analysis.gate.verdict import Verdict
from ablate.analysis.variants import named
from ablate.store.baseline import read_results

ACCURACIES = ("val_accuracy", "best_val_accuracy")
METRICS = tuple(metric for metric in chosen_metrics([], []) if metric.decides)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--seeds", default="3,5,6,10")
    parser.add_argument("--losses", default="0.01,0.015,0.02,0.03,0.05")
    arguments = parser.parse_args()
    stored = read_results(arguments.results)
    assert stored.curves is not None
    target = absolute_target(stored.runs, Target.parse("90%"))
    runs = named(score(stored.runs, stored.curves, target))
    losses = [float(loss) for loss in arguments.losses.split(",")]
    print(
        f"{runs['variant'].nunique()} variants, {runs['seed'].nunique()} seeds; share of {arguments.pairs} gates "
        "that report a regression"
    )
    heads = [f"{scope} -{loss * 100:g}" for scope in ("one", "all") for loss in losses]
    print(f"{'seeds':8} {'none':>6} " + " ".join(f"{head:>9}" for head in heads), flush=True)
    for seeds in map(int, arguments.seeds.split(",")):
        for paired in (False, True) if flips_suffice(seeds, ALPHA) else (False,):
            shares = _shares_with_regression(runs, seeds, paired, losses, arguments.pairs)
            label = f"{seeds} {'pairs' if paired else ''}"
            print(
                f"{label:8} {shares[0]:6.1%} " + " ".join(f"{share:9.1%}" for share in shares[1:]), flush=True
            )


def _shares_with_regression(
    runs: pd.DataFrame, seeds: int, paired: bool, losses: list[float], pairs: int
) -> list[float]:
    generator = np.random.default_rng(0)
    known = runs["seed"].unique()
    regressions = []
    for pair in range(pairs):
        drawn = generator.permutation(known)[: 2 * seeds]
        baseline, candidate = (runs[runs["seed"].isin(part)] for part in (drawn[:seeds], drawn[seeds:]))
        if paired:
            candidate = candidate.assign(
                seed=candidate["seed"].map(dict(zip(drawn[seeds:], drawn[:seeds], strict=True)))
            )
        sides = Side(baseline, 0.5), Side(candidate, 0.5)
        findings = compare(*sides, METRICS, ALPHA).findings
        matched = match(*sides)
        values = Values.of(matched, METRICS, Seeds.of(matched, ALPHA))
        one = pair % len(matched.common)
        regressions.append(
            [any(finding.verdict is Verdict.REGRESSED for finding in findings)]
            + [bool(_regressed(values, loss, [one])[one].any()) for loss in losses]
            + [bool(_regressed(values, loss, list(range(len(matched.common)))).any()) for loss in losses]
        )
    return [float(share) for share in np.mean(regressions, axis=0)]


def _regressed(values: Values, loss: float, variants: list[int]) -> NDArray[np.bool_]:
    """Returns which metrics regress, shape (variants, metrics), when these variants lose this much accuracy."""
    hit = np.zeros(len(values.variants))
    hit[variants] = loss
    hit[-1] = loss * len(variants) / (len(values.variants) - 1)  # the mean over variants
    in_accuracy = np.array([metric.name in ACCURACIES for metric in values.metrics])
    loss_in_signs = hit[:, None] * in_accuracy * values.signs
    planted = replace(values.questions, candidate=values.questions.candidate - loss_in_signs)
    return np.asarray(answer(planted, ALPHA).p_worse <= ALPHA)


if __name__ == "__main__":
    main()
