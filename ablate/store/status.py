"""The statuses that a run can have.

The statuses are not defined in the module `schema`, because `schema` imports Arrow.
"""

# A `failed` run could not be trained: its worker died, it ran out of memory, or the user's own function failed. By
# default, the same command trains it again. A `diverged` run would only diverge again.
FINISHED = "finished"
DIVERGED = "diverged"
FAILED = "failed"
STATUSES = (FINISHED, DIVERGED, FAILED)
