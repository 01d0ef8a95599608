import numpy as np

from ablate.analysis.gate.verdict import Reason
from tests.analysis.gate.frames import RED, finding, gate, runs


def test_exact_finds_the_last_bit_and_passes_over_times():
    new = runs().assign(step_seconds=5.0)
    assert gate(runs(), new, exact=True)[1] == ()
    new.loc[1, "val_loss"] = np.nextafter(new.loc[1, "val_loss"], 9)
    comparison, why = gate(runs(), new, exact=True)
    assert why == RED
    assert finding(comparison, "relu", "bits").note == "val_loss differ in 1 of 6 runs, first in seed 1"
    assert gate(runs(), runs(seeds=range(5)), exact=True)[1] == (Reason.NOT_COMPARABLE,)
