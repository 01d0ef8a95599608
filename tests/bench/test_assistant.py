import os
import sys
from functools import partial

import pytest
import torch

from ablate.bench.assistant import Assistant, peak_bytes
from ablate.errors import AblateError
from ablate.training.backend import ENVIRONMENT


def _counts_from(start):
    calls = iter(range(start, 1000))
    return lambda: (
        next(calls),
        torch.get_num_threads(),
        [name for name in ENVIRONMENT if name in os.environ],
    )


def _dies():
    return partial(os._exit, 9)


def _fails():
    raise ValueError("no such data")


def test_it_gets_ready_once_works_whenever_asked_and_keeps_to_one_thread():
    with Assistant("counting", partial(_counts_from, 5)) as assistant:
        assert assistant()[:2] == (5, 1)
        assistant.ask()
        assert assistant.answer()[0] == 6
        if sys.platform == "linux":
            assert assistant.peak_bytes > 1e6
        process = assistant.process
    assert not process.is_alive()


def test_an_untuned_one_is_not_asked_for_one_thread():
    with Assistant("counting", partial(_counts_from, 0), is_tuned=False) as assistant:
        number, _, asked = assistant()
    assert (number, asked) == (0, [])
    assert set(ENVIRONMENT) <= set(os.environ)


def test_a_dead_one_is_named_and_an_error_of_its_own_is_raised_here():
    with (
        Assistant("vmap", _dies) as assistant,
        pytest.raises(AblateError, match="of vmap ended with exit code 9"),
    ):
        assistant()
    with pytest.raises(ValueError, match="no such data"), Assistant("failing", _fails):
        pass


def test_the_memory_of_no_process_is_unknown():
    assert peak_bytes(None) is None
