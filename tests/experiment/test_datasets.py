"""The table of datasets against torchvision's own facts, and the names of datasets."""

from pathlib import Path

import pytest
import torchvision.datasets

from ablate.errors import SpecError
from ablate.experiment.datasets import DATASETS, dataset_info, fingerprint
from ablate.experiment.spec import build

WITH_FILES = {name: info.files for name, info in DATASETS.items() if info.files}


def test_the_embedded_datasets_alone_have_no_files():
    assert set(DATASETS) - set(WITH_FILES) == {"digits", "moving-digits", "moving-digits:digit"}


@pytest.mark.parametrize("name", [name for name, files in WITH_FILES.items() if files.format == "idx"])
def test_the_files_of_the_mnist_family_are_torchvisions(name):
    files = WITH_FILES[name]
    kind = getattr(torchvision.datasets, files.kind)
    unread = kind.__new__(kind)
    unread.root = "root"
    assert Path("root") / files.folder == Path(unread.raw_folder)
    assert [f"{file}.gz" for file in (*files.train, *files.test)] == [file for file, _ in kind.resources]
    assert len(kind.classes) == DATASETS[name].classes


@pytest.mark.parametrize("name", [name for name, files in WITH_FILES.items() if files.format == "cifar"])
def test_the_files_of_the_cifar_family_are_torchvisions(name):
    files = WITH_FILES[name]
    kind = getattr(torchvision.datasets, files.kind)
    assert files.folder == kind.base_folder
    assert list(files.train) == [file for file, _ in kind.train_list]
    assert list(files.test) == [file for file, _ in kind.test_list]


def test_files_are_in_a_folder_only_if_none_is_missing(tmp_path):
    files = WITH_FILES["cifar100"]
    assert not files.are_in(tmp_path)
    (tmp_path / files.folder).mkdir()
    (tmp_path / files.folder / "train").touch()
    assert not files.are_in(tmp_path)
    (tmp_path / files.folder / "test").touch()
    assert files.are_in(tmp_path)


def test_direction_is_what_is_meant_unless_it_is_said():
    assert dataset_info("moving-digits:direction") == dataset_info("moving-digits")
    assert fingerprint("moving-digits:direction") == fingerprint("moving-digits")
    assert fingerprint("moving-digits:digit") != fingerprint("moving-digits")
    with pytest.raises(SpecError, match=r"'moving-digits:foo' is not one of .*moving-digits:digit"):
        build({"dataset": "moving-digits:foo"})


def test_the_number_of_features_is_that_of_all_values_of_a_sample():
    assert DATASETS["cifar10"].features == 3 * 32 * 32
    assert DATASETS["moving-digits"].features == 6 * 16 * 16


def test_the_fingerprint_of_an_npz_file_is_that_of_its_content(tmp_path):
    for name, content in (("a", b"one"), ("b", b"one"), ("c", b"two")):
        (tmp_path / name).write_bytes(content)
    first, again, other = (fingerprint(f"npz:{tmp_path / name}") for name in "abc")
    assert first == again != other
    assert first.startswith("npz:")
