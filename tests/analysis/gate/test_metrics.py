import numpy as np
import pytest

from ablate.analysis.gate.metrics import chosen_metrics
from ablate.errors import SpecError


def test_options_that_are_not_legal_are_explained():
    with pytest.raises(SpecError, match=r"val_acuracy.*did you mean 'val_accuracy'"):
        chosen_metrics(["val_acuracy"], [])
    with pytest.raises(SpecError, match="--margin: 'val_accuracy' is not METRIC=SIZE"):
        chosen_metrics([], ["val_accuracy"])
    (metric,) = chosen_metrics(["val_accuracy"], ["val_accuracy=3%"])
    assert metric.gate_limit(np.array(1.0), np.array(3.0)) == pytest.approx(0.06)
