"""The statuses that a run can have.

The statuses are defined apart from the module `schema`, because `schema` imports Arrow.
"""

# Only a `failed` run, whose worker process died, is trained again. A `diverged` run would only diverge again.
FINISHED = "finished"
DIVERGED = "diverged"
FAILED = "failed"
STATUSES = (FINISHED, DIVERGED, FAILED)
