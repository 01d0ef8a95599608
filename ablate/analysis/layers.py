"""Summary of layer diagnostics: a table with one row per variant, sorted by the number of signs of trouble."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ablate.analysis.arrays import Floats
from ablate.analysis.metrics import VARIANT
from ablate.store.status import FINISHED

# Names of the first hidden layer (with and without convolutions) and of the last layer.
FIRST, LAST = ("conv.0", "hidden.0"), "output"

# Signs of trouble: each sign has a column of `health` and the range of healthy values of this column. The ranges are
# rules of thumb that accept two properties of every relu network: half of all derivatives are 0, and activations are
# not centred on 0.
SIGNS: dict[str, tuple[str, float, float]] = {
    "vanishing gradient": ("gradient_ratio_worst", 1e-2, np.inf),
    "exploding gradient": ("gradient_ratio_worst", -np.inf, 1e2),
    "dead units": ("dead_share", -np.inf, 0.1),
    "saturated": ("saturated_share", -np.inf, 0.9),
    "off centre": ("centre", -np.inf, 1.0),
    "hardly moves": ("update_ratio", 1e-6, np.inf),
    "moves wildly": ("update_ratio", -np.inf, 0.1),
    "running mean lags": ("running_mean_shift", -np.inf, 0.5),
    "running std off scale": ("running_std_ratio", 0.5, 2.0),
}
UNFINISHED = "unfinished runs"

# `_LARGEST`: quantities of which a larger value is worse, so that `health` shows the layer with the largest value.
# `_OTHERS`: all other quantities used.
_LARGEST = ("dead_share", "saturated_share", "running_mean_shift")
_OTHERS = ("gradient_norm", "activation_mean", "activation_std", "update_ratio", "running_std_ratio")
# `_RATIOS`: columns of `health` that are geometric means over a variant's runs. `_MEANS`: columns that are arithmetic
# means.
_RATIOS = ("gradient_ratio_start", "gradient_ratio_end", "update_ratio")
_MEANS = ("centre", *_LARGEST, "running_std_ratio")


def health(runs: pd.DataFrame, layers: pd.DataFrame) -> pd.DataFrame:
    """Returns the summary of layer diagnostics, one row per variant.

    Variants are sorted by ascending number of signs of trouble. Among variants with equally many signs, the variant
    whose `gradient_ratio_worst` is nearest to 1 comes first. All values are means over a variant's runs; the ratios of
    gradients and of updates are geometric means. A variant without diagnostics has NaN values and comes last. All
    values except the gradient ratios are from the last evaluation.

    - variant, runs: name of the variant, and number of its runs with diagnostics.
    - gradient_ratio_start, gradient_ratio_end: gradient norm of the first hidden layer divided by the gradient norm of
      the output layer, at the first and at the last evaluation. A value far below 1 indicates a vanishing gradient.
    - gradient_ratio_worst: either gradient_ratio_start or gradient_ratio_end, whichever is farther from 1.
    - centre: |mean| / std of the activations, in the layer whose activations are least centred on 0.
    - dead_share, saturated_share: the share of dead units and of saturated activations, in the layer where the share is
      largest.
    - update_ratio: geometric mean of the update ratio over the layers.
    - running_mean_shift, running_std_ratio: quantities defined in `training.diagnostics`, in the layer where the shift
      is largest and in the layer where the ratio is farthest from 1.
    - signs: keys of `SIGNS` whose column has a value outside the healthy range, and `UNFINISHED` if a run diverged or
      failed.
    """
    frame = runs[["run_id", VARIANT, "status"]].join(_per_run(layers), on="run_id")
    groups = frame.groupby(VARIANT, sort=False)
    table = pd.DataFrame([{VARIANT: variant} | _row(group) for variant, group in groups])
    uneven = _distance(table["gradient_ratio_worst"].to_numpy(float))
    order = pd.DataFrame({"unknown": table["runs"] == 0, "signs": table["signs"].map(len), "uneven": uneven})
    return table.loc[order.sort_values(order.columns.tolist()).index].reset_index(drop=True)


def _per_run(layers: pd.DataFrame) -> pd.DataFrame:
    """Returns the columns of `health` for each single run, as a table indexed by run id."""
    ends = layers.groupby("run_id")["step"].agg(["min", "max"])
    first, last = (_wide(layers[layers["step"] == layers["run_id"].map(ends[end])]) for end in ends)
    by_run = last.groupby(level="run_id")
    return pd.DataFrame(
        {
            "gradient_ratio_start": _gradient_ratio(first),
            "gradient_ratio_end": _gradient_ratio(last),
            "centre": (last["activation_mean"].abs() / last["activation_std"]).groupby(level="run_id").max(),
            **{name: by_run[name].max() for name in _LARGEST},
            "update_ratio": by_run["update_ratio"].agg(_geometric_mean),
            "running_std_ratio": by_run["running_std_ratio"].agg(_farthest),
        },
        index=ends.index,
        dtype=float,
    )


def _wide(layers: pd.DataFrame) -> pd.DataFrame:
    """Returns the diagnostics as a table with one row per run and layer and one column per quantity."""
    wide = layers.pivot(index=["run_id", "layer"], columns="quantity", values="value")
    return wide.reindex(columns=[*_OTHERS, *_LARGEST]).astype(float)


def _gradient_ratio(wide: pd.DataFrame) -> "pd.Series[float]":
    norms = wide["gradient_norm"].unstack("layer").reindex(columns=[*FIRST, LAST])
    convolution, hidden = FIRST
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: pd.Series[float] = norms[convolution].fillna(norms[hidden]) / norms[LAST]
    return ratio


def _geometric_mean(values: "pd.Series[float]") -> float:
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(values.dropna().to_numpy(float)).mean())) if values.count() else np.nan


def _farthest(ratios: "pd.Series[float]") -> float:
    """Returns the ratio farthest from 1."""
    known = ratios.dropna().to_numpy(np.float64)
    return float(known[_distance(known).argmax()]) if len(known) else np.nan


def _distance(ratios: NDArray[np.floating]) -> Floats:
    """Returns the distance of ratios from 1 as |ln(ratio)|; NaN stays NaN."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.abs(np.log(ratios)))


def _row(runs: pd.DataFrame) -> dict[str, object]:
    values = {name: _geometric_mean(runs[name]) for name in _RATIOS}
    values |= {name: float(runs[name].mean()) for name in _MEANS}
    ends = [values["gradient_ratio_start"], values["gradient_ratio_end"]]
    values["gradient_ratio_worst"] = _farthest(pd.Series(ends, dtype=float))
    signs = [sign for sign, (name, low, high) in SIGNS.items() if values[name] < low or values[name] > high]
    if (runs["status"] != FINISHED).any():
        signs.append(UNFINISHED)
    return {"runs": int(runs["gradient_ratio_end"].notna().sum()), **values, "signs": tuple(signs)}
