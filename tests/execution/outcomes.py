"""What executors yield, in a form in which tests compare it bit by bit."""

import numpy as np

from ablate.training.result import StackResult


def curves_of(outcomes):
    """Returns the learning curves of each run by its id; every stack must have been trained."""
    found = {}
    for stack, result in outcomes:
        assert isinstance(result, StackResult)
        for place, run in enumerate(stack.runs):
            found[run.run_id] = np.stack([curve[:, place] for curve in result.curves.values()])
    return found
