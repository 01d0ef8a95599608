"""The normalizations of hidden layers by name, with their parameters and statistics."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from ablate.experiment.norms import OFF, group_count, norm_name
from ablate.nn.batch_norm import StackedBatchNorm
from ablate.nn.layers import Layer
from ablate.nn.parameters import Parameter, Spec, StackParameters, constant_spec
from ablate.nn.sample_norm import SampleNorm


class NormKernel(NamedTuple):
    """One kind of normalization of hidden layers.

    Attributes:
        make: Function that makes the layer from its tensors by name, for inputs of shape (runs, features, batch).
        parameters: Initial values of the trained parameters, by name.
        statistics: Initial values of the running statistics, by name.
    """

    make: Callable[[Mapping[str, Parameter]], Layer]
    parameters: dict[str, float]
    statistics: dict[str, float]


def _within_samples(
    owned: Mapping[str, Parameter], *, grouped: bool = False, centres: bool = True
) -> SampleNorm:
    """Returns a layer that normalizes each sample separately, for tensors of shape (runs, features, batch).

    The layer views the tensor as (runs, groups, units, batch) and takes means over the units of a group.
    """
    runs, features = owned["weight"].value.shape
    groups = group_count(features) if grouped else 1
    shape = runs, groups, features // groups
    return SampleNorm(owned, (*shape, 1), lambda z: z.view(*shape, -1), axes=(2,), centres=centres)


_AFFINE = {"weight": 1.0, "bias": 0.0}

# Normalizations by their names in `experiment.norms.NORMS`.
STACKED_NORMS: dict[str, NormKernel] = {
    "batch": NormKernel(StackedBatchNorm, _AFFINE, {"running_mean": 0.0, "running_var": 1.0}),
    "layer": NormKernel(_within_samples, _AFFINE, {}),
    "rms": NormKernel(partial(_within_samples, centres=False), {"weight": 1.0}, {}),
    "group": NormKernel(partial(_within_samples, grouped=True), _AFFINE, {}),
}


def norm_specs(name: str, units: int, level: str) -> list[Spec]:
    """Returns the declarations of the parameters and running statistics of one normalization layer.

    `level` is the level of the factor `norm`, such as `batch`. For the level `off`, the list is empty.
    """
    if level == OFF:
        return []
    kernel = STACKED_NORMS[norm_name(level)]
    return [
        constant_spec(f"{name}.{short}", (units,), value, is_trained=is_trained)
        for is_trained, values in ((True, kernel.parameters), (False, kernel.statistics))
        for short, value in values.items()
    ]


def stacked_norm(level: str, parameters: StackParameters, name: str) -> Layer | None:
    """Returns the normalization of a hidden layer, or None if the level of the factor `norm` is `off`."""
    return None if level == OFF else STACKED_NORMS[norm_name(level)].make(parameters.owned(name))
