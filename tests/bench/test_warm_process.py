import os
import sys
from functools import partial

import pytest
import torch

from ablate.bench.warm_process import WarmProcess, peak_bytes
from ablate.errors import AblateError
from ablate.training.backend import ENVIRONMENT


def _counts_from(start):
    calls = iter(range(start, 1000))
    return lambda: (
        next(calls),
        torch.get_num_threads(),
        [name for name in ENVIRONMENT if name in os.environ],
    )


def _exits():
    return partial(os._exit, 9)


def _fails():
    raise ValueError("no such data")


def test_a_process_prepares_once_works_whenever_asked_and_keeps_to_one_thread():
    with WarmProcess("counting", partial(_counts_from, 5)) as process:
        assert process()[:2] == (5, 1)
        process.ask()
        assert process.answer()[0] == 6
        if sys.platform == "linux":
            assert peak_bytes(process.process.pid) > 1e6
    assert not process.process.is_alive()


def test_an_untuned_process_does_not_inherit_the_settings_of_numeric_libraries():
    with WarmProcess("counting", partial(_counts_from, 0), is_tuned=False) as process:
        number, _, asked = process()
    assert (number, asked) == (0, [])
    assert set(ENVIRONMENT) <= set(os.environ)


def test_a_dead_process_is_named_and_an_error_in_a_process_is_raised_here():
    with (
        WarmProcess("vmap", _exits) as process,
        pytest.raises(AblateError, match="of vmap ended with exit code 9"),
    ):
        process()
    with pytest.raises(RuntimeError, match="ValueError: no such data"), WarmProcess("failing", _fails):
        pass


def test_the_memory_of_no_process_is_unknown():
    assert peak_bytes(None) is None
