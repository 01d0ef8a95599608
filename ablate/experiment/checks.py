"""Checks of combinations of settings: a combination may be illegal although each of its settings is legal."""

from itertools import product
from typing import TYPE_CHECKING

from ablate.experiment.datasets import dataset_info
from ablate.experiment.levels import label
from ablate.experiment.limits import MOST_EVALUATIONS, MOST_ROWS, MOST_RUNS
from ablate.experiment.models import misfit, misfit_norms, misfit_rates
from ablate.experiment.seeding import TUNING_SEEDS

if TYPE_CHECKING:
    from ablate.experiment.spec import Experiment


def check_as_a_whole(experiment: "Experiment") -> None:
    """Checks that the model, layers, dropout rates, dataset and batch sizes of an experiment fit together.

    Raises:
        ValueError: The settings do not fit together; the message names the command-line options to change.
    """
    _check_sizes(experiment)
    _check_model(experiment)
    if experiment.tune and experiment.learning_rate != ("auto",):
        raise ValueError(
            f"--tune: it chooses the learning rates, so --lr {','.join(map(label, experiment.learning_rate))} "
            "cannot be given too; leave one of them out"
        )
    _check_data(experiment)


def _check_sizes(experiment: "Experiment") -> None:
    """Checks the numbers of runs and evaluations by arithmetic, before the grid is expanded into runs."""
    if experiment.size > MOST_RUNS:
        raise ValueError(
            f"--seeds and levels: they make {experiment.size:,} runs; legal are at most {MOST_RUNS:,} runs in a grid; "
            "leave levels or seeds out"
        )
    searched = experiment.size // len(experiment.seeds) * len(experiment.tune) * TUNING_SEEDS
    if searched > MOST_RUNS:
        raise ValueError(
            f"--tune: {len(experiment.tune):,} rates for each variant are {searched:,} runs; legal are at most "
            f"{MOST_RUNS:,} runs; leave rates or levels out"
        )
    evaluations = max(experiment.epochs) * experiment.evals_per_epoch
    if evaluations > MOST_EVALUATIONS:
        raise ValueError(
            f"--epochs, --evals-per-epoch: {max(experiment.epochs):,} epochs with {experiment.evals_per_epoch:,} "
            f"evaluations each are {evaluations:,} evaluations; legal are at most {MOST_EVALUATIONS:,} per run"
        )
    rows = experiment.size // len(experiment.epochs) * sum(experiment.epochs) * experiment.evals_per_epoch
    if rows > MOST_ROWS:
        raise ValueError(
            f"--epochs, --evals-per-epoch: {experiment.size:,} runs have {rows:,} evaluations together; legal are at "
            f"most {MOST_ROWS:,}; give fewer epochs, evaluations, levels or seeds"
        )


def _check_model(experiment: "Experiment") -> None:
    model, sample = experiment.model, dataset_info(experiment.dataset).shape
    if model == "mlp" and experiment.channels not in (("auto",), ((),)):
        raise ValueError(
            f"--channels: {','.join(map(label, experiment.channels))!r} is given, and mlp has no convolutions; "
            "legal is auto, or --model cnn or cnn3d"
        )
    for channels in map(experiment.channels_of, experiment.channels):
        if model != "mlp" and not channels:
            raise ValueError(f"--channels: 'none' is no block for {model}; legal are numbers as 32/64")
        if reason := misfit(model, sample, channels):
            raise ValueError(f"{reason} ({experiment.dataset})")
        for widths in map(experiment.hidden_of, experiment.hidden):
            if reason := misfit_norms(experiment.norm, channels, widths):
                raise ValueError(reason)
        for widths, rates in product(map(experiment.hidden_of, experiment.hidden), experiment.dropout):
            if reason := misfit_rates(rates, channels, widths):
                raise ValueError(reason)


def _check_data(experiment: "Experiment") -> None:
    train, val, test = experiment.split_sizes
    if min(train, val, test) < 1:
        raise ValueError(
            f"--val-fraction, --test-fraction: {experiment.val_fraction:g} and {experiment.test_fraction:g} split "
            f"{experiment.dataset} into {train} training, {val} validation and {test} test samples; "
            "each needs at least 1"
        )
    for size in experiment.batch_size:
        if size > train:
            raise ValueError(
                f"--batch-size: {size} is more than the {train} training samples of {experiment.dataset}; "
                f"legal are 2 to {train}"
            )
        if train // size < experiment.evals_per_epoch:
            raise ValueError(
                f"--evals-per-epoch: {experiment.evals_per_epoch} is more than the {train // size} steps of an epoch"
            )
