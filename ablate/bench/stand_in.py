"""Random data in place of a dataset that is not on disk, since the time of a step does not depend on the values."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.folders import DEFAULT_FOLDER
from ablate.experiment.datasets import dataset_info
from ablate.experiment.seeding import derive
from ablate.experiment.spec import Experiment


def on_data_at_hand(experiment: Experiment, data_dir: Path | None, folder: Path) -> Experiment:
    """Returns the experiment, with random data of the same shape and size in place of a dataset that is not on disk.

    The random data are written into `folder`. If `data_dir` is given but does not exist, the experiment is returned
    unchanged, so that the loading of its data reports the missing folder.
    """
    name = experiment.dataset
    root = DEFAULT_FOLDER if data_dir is None else data_dir
    info = dataset_info(name)
    if not info.files or info.files.are_in(root) or not (data_dir is None or root.is_dir()):
        return experiment
    file = folder / f"random-{name}.npz"
    rng = np.random.default_rng(derive(experiment.split_seed, "split", "random", name))
    arrays: dict[str, NDArray[Any]] = {}
    for part, samples in (("train", info.samples), ("test", info.test_samples)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (samples, *info.shape), dtype=np.uint8)
        arrays[f"y_{part}"] = np.arange(samples) % (info.classes or 2)
    np.savez(file, allow_pickle=False, **arrays)
    return experiment.model_copy(update={"dataset": f"npz:{file}"})
