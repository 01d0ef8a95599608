"""The statuses of a run. They are not in `schema`, which loads Arrow."""

# Only a `failed` run (its worker died) is trained again: a `diverged` run would diverge again.
FINISHED = "finished"
DIVERGED = "diverged"
FAILED = "failed"
STATUSES = (FINISHED, DIVERGED, FAILED)
