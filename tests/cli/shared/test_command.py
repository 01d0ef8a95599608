"""A command that refuses an option given twice."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["plan", "--dropout", "0", "--dropout", "0.5"],
            "--dropout: given 2 times, of which only one would count; "
            "give all levels in one list, as --dropout A,B",
        ),
        (
            ["plan", "-j", "1", "--jobs", "2"],
            "--jobs: given 2 times, of which only one would count; give it once",
        ),
        (["plan", "--norm", "off", "--batch-norm", "pre"], "given 2 times"),
    ],
)
def test_an_option_with_one_value_is_refused_if_given_twice(ablate, arguments, says):
    code, out, err = ablate(*arguments)
    assert (code, out) == (2, "")
    assert says in err


def test_an_option_that_collects_values_is_given_as_often_as_needed(ablate, stored):
    metrics = ("--metric", "val_accuracy", "--metric", "aulc")
    code, out, _ = ablate("gate", *stored, *metrics)
    assert code == 0
    assert out.splitlines()[-1] == "passed (8 unchanged)"
