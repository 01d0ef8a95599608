"""What a worker makes of errors."""

import pytest
import torch

from ablate.errors import SpecError
from ablate.execution.worker import is_out_of_memory, portable


class Odd(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


class Local(Exception):
    def __reduce__(self):
        raise TypeError("cannot be copied")


@pytest.mark.parametrize(("error", "text"), [(Odd(1, 2), "Odd: 1 2"), (Local("x"), "Local: x")])
def test_an_error_that_cannot_be_sent_is_told_by_its_text(error, text):
    sent = portable(error, "in a worker")
    assert (type(sent), str(sent)) == (RuntimeError, text)
    assert sent.__notes__ == ["in a worker"]


def test_an_error_of_ours_is_sent_as_it_is():
    error = SpecError("--lr: no")
    assert portable(error, "in a worker") is error


def test_out_of_memory_is_known_by_its_class_its_cause_and_its_words():
    assert is_out_of_memory(torch.OutOfMemoryError("made up"))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling ..."))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    while_capturing = RuntimeError("while capturing")
    while_capturing.__context__ = torch.OutOfMemoryError("made up")
    assert is_out_of_memory(while_capturing)
