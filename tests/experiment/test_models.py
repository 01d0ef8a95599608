"""What each model takes, and what is said where it cannot."""

import pytest

from ablate.errors import SpecError
from ablate.experiment.grid import expand
from ablate.experiment.models import flat_features, sizes_by_block, window
from ablate.experiment.spec import build


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"model": "cnn", "dataset": "moving-digits"}, r"'cnn' takes .*1x6x16x16; legal are mlp, cnn3d"),
        ({"model": "cnn3d"}, r"'cnn3d' takes channels x frames x height x width.*1x8x8; legal are mlp, cnn "),
        ({"model": "cnn", "channels": "8/8/8/8"}, r"--channels: '8/8/8/8' is 4 blocks.*at most 3 .*1x8x8"),
        ({"channels": "32"}, r"--channels: '32' is given, and mlp has no convolutions; legal is auto"),
        ({"model": "cnn", "channels": "none"}, r"--channels: 'none' is no block for cnn"),
        ({"model": "cnn", "channels": "0"}, r"--channels: 0 is not a whole number of at least 1"),
        ({"model": "cnn", "dropout": "0.1/0.2"}, r"2 rates for the 2 blocks .*1 hidden .*legal are 1 or 3"),
        ({"model": "cm"}, r"--model: 'cm' is not one of mlp, cnn, cnn3d"),
    ],
)
def test_what_does_not_fit_is_one_sentence_with_the_flag(settings, says):
    with pytest.raises(SpecError, match=says):
        build(settings)


def test_auto_is_what_the_model_has():
    for model, channels, hidden in (("mlp", (), (100, 50)), ("cnn", (32, 64), (128,))):
        run = expand(build({"model": model}))[0]
        assert (run.channels, run.hidden, run.model) == (channels, hidden, model)
        assert len(run.dropout) == len(channels) + len(hidden)
    (video,) = expand(
        build(
            {
                "model": "cnn3d",
                "dataset": "moving-digits",
                "activation": "relu",
                "norm": "off",
                "seeds": 1,
            }
            | {"dropout": 0}
        )
    )
    assert (video.channels, video.hidden, video.level("channels")) == ((16, 32), (64,), "16/32")


def test_auto_beside_what_it_stands_for_is_refused():
    for setting, level in (("hidden", "128"), ("channels", "32/64")):
        with pytest.raises(SpecError, match=rf"{setting} auto and {level} give the same run"):
            expand(build({"model": "cnn", setting: f"auto,{level}"}))


def test_channels_are_part_of_a_run_and_an_mlp_has_none():
    ids = {expand(build({"model": "cnn", "channels": level}))[0].run_id for level in ("8", "8/8", "8/9")}
    assert len(ids) == 3
    assert expand(build({}))[0].level("channels") == "none"
    assert expand(build({"channels": "none"}))[0].run_id == expand(build({}))[0].run_id


def test_blocks_halve_what_there_is_and_keep_the_frames_of_the_first():
    assert sizes_by_block("cnn", (1, 28, 28), 3) == ((28, 28), (14, 14), (7, 7), (3, 3))
    assert sizes_by_block("cnn3d", (1, 6, 16, 16), 3) == ((6, 16, 16), (6, 8, 8), (3, 4, 4), (1, 2, 2))
    assert flat_features("cnn", (3, 32, 32), (32, 64)) == 64 * 8 * 8
    assert flat_features("mlp", (3, 32, 32), ()) == 3072
    assert window("cnn3d", 1, 3) == (1, 2, 2)


@pytest.mark.parametrize("norm", ["layer", "rms-post", "group"])
def test_a_norm_that_compares_units_needs_two_in_every_layer(norm):
    for settings, flag in (
        ({"hidden": "100/1"}, "--hidden 100/1"),
        ({"model": "cnn", "channels": "1/4"}, "--channels 1/4"),
    ):
        with pytest.raises(SpecError, match=f"--norm: '{norm}' compares the units of a sample") as error:
            build({"norm": norm} | settings)
        assert flag in str(error.value)
    build({"norm": norm, "hidden": "100/2"})
    build({"norm": "batch", "hidden": "1"})
