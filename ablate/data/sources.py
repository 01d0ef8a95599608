"""Reading of any dataset by its name, before it is split and standardized."""

from pathlib import Path

import numpy as np

from ablate.data.folders import read_folder
from ablate.data.moving_digits import moving_digits
from ablate.data.npz import read_npz
from ablate.data.raw import RawData
from ablate.experiment.datasets import MOVING, NPZ, npz_path


def read_raw(name: str, data_dir: Path | None) -> RawData:
    """Returns the arrays of the dataset with this name, which must be a name that `dataset_info` accepts.

    `data_dir` is the folder that holds torchvision's dataset folders; None means `data` in the working directory. For
    datasets that are not in torchvision's folders, `data_dir` has no effect.

    Raises:
        DataError: The data are missing, unreadable or invalid.
    """
    if name == "digits":
        return _digits()
    if name.startswith(MOVING):
        digits = _digits()
        return moving_digits(digits.x[:, 0], digits.y, "digit" if name.endswith(":digit") else "direction")
    if name.startswith(NPZ):
        return read_npz(npz_path(name))
    return read_folder(name, data_dir)


def _digits() -> RawData:
    # Imported here because the import takes a second, and worker processes, which get tensors, do not need it.
    from sklearn.datasets import load_digits

    bunch = load_digits()
    x, y = bunch.images[:, np.newaxis], bunch.target.astype(np.int64)
    return RawData(x, y, x[:0], y[:0], len(bunch.target_names))
