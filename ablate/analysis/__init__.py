"""Pure functions that analyse results in data frames and arrays. No module here reads files, prints or formats.

Arguments and columns of the same name mean the same in every module:

- `runs`, `curves`, `layers`: frames with the columns of `store.schema`. *Named* runs are a result of `variants.named`,
  and *scored* runs a result of `scores.scored`.
- `metric`: a key of `metrics.METRICS`, or in the gate a `Metric` object.
- `margin`: the size up to which a difference does not matter in practice.
- `factors`: the factors that make up the names of variants; `factor` is one of them.
- `low` and `high`: ends of a 95 % confidence interval, NaN if there are too few seeds to compute one.
- `p_holm`: a p value adjusted for the number of tests by Holm's method.
"""
