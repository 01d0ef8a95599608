"""The statuses of a run, in a separate module because `schema` imports Arrow."""

# Only a `failed` run (its worker died) is trained again: a `diverged` run would diverge again.
FINISHED = "finished"
DIVERGED = "diverged"
FAILED = "failed"
STATUSES = (FINISHED, DIVERGED, FAILED)
