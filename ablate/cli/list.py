"""`ablate list`: lists the names of the activations, datasets, models, optimizers or presets."""

from pathlib import Path
from typing import Annotated

import typer

from ablate.cli.shared.groups import option, takes_groups
from ablate.errors import SpecError, not_one_of
from ablate.experiment.activations import ACTIVATIONS
from ablate.experiment.datasets import DATASETS
from ablate.experiment.levels import label
from ablate.experiment.models import MODELS
from ablate.experiment.optimizers import OPTIMIZERS
from ablate.experiment.presets import PRESETS


@takes_groups
def list_(
    kind: Annotated[
        str, typer.Argument(metavar="KIND", help="activations, datasets, models, optimizers or presets")
    ],
    details: bool = option(
        False, help="of activations: range, slope, centre, smoothness and gain, computed numerically"
    ),
    plot: Path | None = option(
        None, metavar="FILE", help="draw the activations and their derivatives, as .png or .svg"
    ),
) -> None:
    """List activations, datasets, models, optimizers or presets."""
    lines = _lines()
    if kind not in lines:
        raise SpecError(f"KIND: {not_one_of(kind, lines)}")
    if (details or plot) and kind != "activations":
        raise SpecError(f"--details, --plot: there are none of {kind}; legal is `ablate list activations`")
    if plot:
        _draw(plot)
    if details:
        # Imported here because these modules load torch and pandas, which the other lists do not need.
        from ablate.cli.shared.output import print_table
        from ablate.nn.properties import properties
        from ablate.report.activations import properties_section

        print_table(properties_section([properties(name) for name in ACTIVATIONS]))
    elif not plot:
        print("\n".join(lines[kind]))


def _draw(path: Path) -> None:
    if path.suffix not in (".png", ".svg"):
        raise SpecError(f"--plot: {str(path)!r} ends in neither .png nor .svg")
    from ablate.cli.shared.output import write
    from ablate.nn.properties import sampled
    from ablate.report.activations import curves_figure
    from ablate.report.figures.files import to_bytes

    figure = curves_figure([sampled(name) for name in ACTIVATIONS])
    print(write(path, to_bytes(figure, path.suffix.removeprefix(".")), "--plot"))


def _lines() -> dict[str, list[str]]:
    """Returns the lines to print for each kind of list, such as `datasets`."""
    datasets = [
        f"{name:19} {'x'.join(map(str, info.shape)):9} {info.classes or '?':>4} classes "
        f"{info.samples:>6}+{info.test_samples:<6} {info.about}"
        for name, info in DATASETS.items()
    ]
    models = [
        f"{name:6} {info.about} ({f'--channels {label(info.channels)}, ' if info.channels else ''}"
        f"--hidden {label(info.hidden)} unless set)"
        for name, info in MODELS.items()
    ]
    optimizers = [
        f"{name:6} learning rate {info.learning_rate:g}, weight decay {info.weight_decay:g} unless set"
        for name, info in OPTIMIZERS.items()
    ]
    return {
        "activations": [*ACTIVATIONS, "package.module:Name   a function of your own"],
        "datasets": [*datasets, "npz:FILE            arrays x_train, y_train and optionally x_test, y_test"],
        "models": models,
        "optimizers": optimizers,
        "presets": [f"{name:12} {preset.about}" for name, preset in PRESETS.items()],
    }
