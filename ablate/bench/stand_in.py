"""Random data in the place of a dataset that is not at hand: what a step costs does not depend on what it learns."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.folders import DEFAULT_FOLDER
from ablate.experiment.datasets import dataset_info
from ablate.experiment.seeding import derive
from ablate.experiment.spec import Experiment


@dataclass(frozen=True)
class Data:
    """What a bench trains on.

    Attributes:
        experiment: With the dataset that is trained on.
        is_random: Whether that is one of random numbers.
    """

    experiment: Experiment
    is_random: bool


def at_hand_or_random(experiment: Experiment, data_dir: Path | None, place: Path) -> Data:
    """Returns the experiment as it is, or on random data of the same shape and sizes where a download would be due.

    Args:
        experiment: Names a dataset.
        data_dir: Where torchvision's sets are; one that is no folder is left for `load` to complain of.
        place: A folder that random data are written to.
    """
    name = experiment.dataset
    root = DEFAULT_FOLDER if data_dir is None else data_dir
    info = dataset_info(name)
    if not info.files or info.files.are_in(root) or not (data_dir is None or root.is_dir()):
        return Data(experiment, is_random=False)
    file = place / f"random-{name}.npz"
    rng = np.random.default_rng(derive(experiment.split_seed, "split", "random", name))
    arrays: dict[str, NDArray[Any]] = {}
    for part, samples in (("train", info.samples), ("test", info.test_samples)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (samples, *info.shape), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(samples) % (info.classes or 2)
    with file.open("wb") as out:
        np.savez(out, allow_pickle=False, **arrays)
    return Data(experiment.model_copy(update={"dataset": f"npz:{file}"}), is_random=True)
