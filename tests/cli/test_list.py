"""`ablate list`, and the details of activations."""

from typing import get_args

import pytest

from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.presets import PRESETS
from ablate.experiment.spec import Model


def test_details_tell_a_row_an_activation(ablate):
    code, out, err = ablate("list", "activations", "--details")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines() if line.split()[:1]}
    assert set(ACTIVATIONS) <= set(rows)
    assert rows["sigmoid"].split() == ["sigmoid", "0", "to", "1", "0.25", "0.500", "no", "yes", "1.8462"]
    assert rows["relu"].split() == ["relu", "0", "to", "inf", "1", "0.399", "no", "no", "1.4142"]


@pytest.mark.parametrize(("name", "magic"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_the_functions_are_drawn_into_a_file(ablate, tmp_path, name, magic):
    assert ablate("list", "activations", "--plot", name) == (0, f"{name}\n", "")
    content = (tmp_path / name).read_bytes()
    assert content.startswith(magic)
    assert len(content) > 10_000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["datasets", "--details"], "--details, --plot: there are none of datasets"),
        (["activations", "--plot", "a.pdf"], "'a.pdf' ends in neither .png nor .svg"),
        (["activations", "--plot", "nowhere/a.png"], "'nowhere/a.png' cannot be written"),
    ],
)
def test_what_cannot_be_shown_or_drawn_is_one_sentence(ablate, tmp_path, arguments, says):
    code, out, err = ablate("list", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_presets_are_listed_with_what_they_are_for(ablate):
    _, out, _ = ablate("list", "presets")
    assert [line.split()[0] for line in out.splitlines()] == list(PRESETS)


def test_every_model_is_listed(ablate):
    _, out, _ = ablate("list", "models")
    assert tuple(line.split()[0] for line in out.splitlines()) == get_args(Model)


@pytest.mark.parametrize("kind", ["activations", "datasets", "models", "optimizers"])
def test_list_shows_the_legal_words(ablate, kind):
    code, out, _ = ablate("list", kind)
    assert code == 0
    assert {"activations": "leaky_relu", "datasets": "cifar100", "models": "mlp", "optimizers": "adamw"}[
        kind
    ] in out


def test_list_of_something_else_is_refused(ablate):
    code, _, err = ablate("list", "activation")
    assert code == 2
    assert "did you mean 'activations'" in err
