"""What a worker makes of errors."""

import pytest

from ablate.errors import SpecError
from ablate.execution.worker import portable


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
