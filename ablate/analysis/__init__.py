"""Pure functions on frames and arrays: what results say. Nothing here reads, prints or formats.

Arguments and columns of the same name mean the same in every module:

- `runs`, `curves`, `layers`: frames with the columns of `store.schema`. Runs are *named* by `variants.named` and
  *scored* by `scores.scored`.
- `metric`: a name in `metrics.METRICS`, or the `Metric` of that name in the gate.
- `margin`: differences up to this size do not matter.
- `factors`: those that name the variants; `factor` is one of them.
- `low` and `high`: ends of a 95 % interval, NaN where there are too few seeds for one.
- `p_holm`: a p value adjusted for the number of tests.
"""
