"""Pure functions that analyse results in data frames and arrays.

No module of this package reads files, prints or formats text.

An argument name or a column name has the same meaning in every module of this package:

- `runs`, `curves`, `layers`: frames with the columns of `store.schema`. *Named* runs are a frame returned by
  `variants.named`, and *scored* runs are a frame returned by `scores.scored`.
- `metric`: a key of `metrics.METRICS`, or, in the package `gate`, a `Metric` object.
- `margin`: the size up to which a difference does not matter in practice.
- `factors`: the factors whose levels make up the names of variants; `factor`: one of these factors.
- `low` and `high`: ends of a 95 % confidence interval, NaN if there are too few seeds to compute one.
- `p_holm`: a p value adjusted for the number of tests by Holm's method.
"""
