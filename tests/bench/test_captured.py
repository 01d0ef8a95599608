import numpy as np
import pytest

from ablate.bench.captured import captured_loop
from ablate.bench.plain import plain_module, tuned_loop
from tests.bench.plain_runs import SETTINGS, engine_order, run_of


@pytest.mark.cuda
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["activation"])
def test_a_captured_loop_scores_what_the_plain_loop_scores(digits, gradients, settings):
    run = run_of(**settings)
    data = engine_order(run, digits, "cuda")
    captured = captured_loop(plain_module(run, data), run, data)
    np.testing.assert_allclose(captured, tuned_loop(plain_module(run, data), run, data), rtol=2e-2)
