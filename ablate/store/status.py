"""The statuses of a run, apart from the schema, which brings Arrow with it."""

# Only a `failed` run (its worker died) is worth training again: `diverged` repeats exactly.
FINISHED = "finished"
DIVERGED = "diverged"
FAILED = "failed"
STATUSES = (FINISHED, DIVERGED, FAILED)
