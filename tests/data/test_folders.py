import gzip
import hashlib
import io
import socket
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import torchvision.datasets

from ablate.data.folders import READERS, read_folder
from ablate.experiment.datasets import DATASETS

MNIST_LIKE = {
    name: info.files.kind for name, info in DATASETS.items() if info.files and info.files.format == "idx"
}


def test_each_format_of_the_catalogue_has_a_reader():
    assert {info.files.format for info in DATASETS.values() if info.files} == set(READERS)


@pytest.mark.parametrize(("name", "kind"), MNIST_LIKE.items())
def test_a_folder_of_the_mnist_family_is_read_as_torchvision_reads_it(
    tmp_path, write_mnist, offline, name, kind
):
    write_mnist(tmp_path, kind)
    raw = read_folder(name, tmp_path)
    for x, y, train in ((raw.x, raw.y, True), (raw.x_test, raw.y_test, False)):
        theirs = getattr(torchvision.datasets, kind)(tmp_path, train=train)
        np.testing.assert_array_equal(x[:, 0], theirs.data.numpy())
        np.testing.assert_array_equal(y, theirs.targets.numpy())
    assert raw.classes == 10
    assert offline == []


@pytest.mark.parametrize(("name", "classes"), [("cifar10", 10), ("cifar100", 100)])
def test_a_small_cifar_folder_is_read_whole(tmp_path, write_cifar, offline, name, classes):
    written = write_cifar(tmp_path, classes, samples=220, test_samples=130)
    raw = read_folder(name, tmp_path)
    for array, expected in zip((raw.x, raw.y, raw.x_test, raw.y_test), written, strict=True):
        np.testing.assert_array_equal(array, expected)
    assert raw.classes == classes
    assert offline == []


def test_files_that_are_there_are_read_without_torchvision(tmp_path, write_mnist):
    write_mnist(tmp_path)
    code = (
        "import sys; from pathlib import Path; from ablate.data.folders import read_folder; "
        "print(len(read_folder('mnist', Path(sys.argv[1])).y), 'torchvision' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["60", "False"]


def test_no_data_dir_means_the_folder_data_here(tmp_path, write_mnist, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, y, _, _ = write_mnist(tmp_path / "data")
    np.testing.assert_array_equal(read_folder("mnist", None).y, y)


def test_a_data_dir_that_is_not_there_is_refused_before_any_download(tmp_path, offline, refusal):
    with refusal("--data-dir", str(tmp_path / "nowhere"), "not a folder"):
        read_folder("mnist", tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with refusal("--data-dir", str(tmp_path / "file")):
        read_folder("mnist", tmp_path / "file")
    assert offline == []


@pytest.mark.parametrize("name", [name for name, info in DATASETS.items() if info.files])
def test_offline_one_sentence_says_which_files_to_put_where(tmp_path, offline, refusal, capsys, name):
    files = DATASETS[name].files
    where = str(tmp_path / files.folder)
    with refusal("--data-dir", name, "the network is closed", *files.train, *files.test, where):
        read_folder(name, tmp_path)
    assert offline
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_offline_nothing_is_left_where_the_folder_data_was_not(tmp_path, monkeypatch, offline, refusal):
    monkeypatch.chdir(tmp_path)
    with refusal("--data-dir", "'data/MNIST/raw'", "with --data-dir"):
        read_folder("mnist", None)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_leaves_the_files_that_were_there(tmp_path, write_mnist, offline, refusal):
    write_mnist(tmp_path)
    (tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte").unlink()
    with refusal("--data-dir"):
        read_folder("mnist", tmp_path)
    assert len(list((tmp_path / "MNIST/raw").iterdir())) == 3


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, refusal):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.makedirs", refuse)
    with refusal("--data-dir", "Permission denied"):
        read_folder("kmnist", tmp_path)


def test_archives_are_unpacked_as_data_and_the_setting_is_put_back(tmp_path, monkeypatch, refusal):
    def setting():
        return getattr(tarfile.TarFile, "extraction_filter", None)

    seen = []
    monkeypatch.setattr("torchvision.datasets.CIFAR10.download", lambda self: seen.append(setting()))
    before = setting()
    with refusal("--data-dir"):
        read_folder("cifar10", tmp_path)
    assert seen == [getattr(tarfile, "data_filter", None)]  # Python 3.11.3 and older have none
    assert setting() is before


def test_what_torchvision_prints_does_not_reach_stdout(tmp_path, monkeypatch, refusal, capsys):
    monkeypatch.setattr("torchvision.datasets.CIFAR10.download", lambda self: print("fetching"))
    with refusal("--data-dir"):
        read_folder("cifar10", tmp_path)
    assert capsys.readouterr() == ("", "fetching\n")


def test_an_answer_without_the_files_is_one_sentence(tmp_path, monkeypatch, refusal):
    monkeypatch.setattr("torchvision.datasets.CIFAR10.download", lambda self: None)
    with refusal("--data-dir", "nothing arrived"):
        read_folder("cifar10", tmp_path)


class _Answer(io.BytesIO):
    """What `urlopen` returns."""

    def __init__(self, url, content):
        super().__init__(content)
        self.url, self.length = url, len(content)


def _serve(monkeypatch, contents):
    """Answers each address by the content under its last part; returns the socket timeout of each."""
    timeouts = []

    def answer(request):
        timeouts.append(socket.getdefaulttimeout())
        return _Answer(request.full_url, contents[request.full_url.rsplit("/", 1)[1]])

    monkeypatch.setattr("urllib.request.urlopen", answer)
    return timeouts


def test_a_missing_mnist_is_downloaded_with_progress_on_stderr_alone(
    tmp_path, write_mnist, monkeypatch, capsys
):
    x, y, x_test, y_test = write_mnist(tmp_path / "there")
    contents = {
        f"{path.name}.gz": gzip.compress(path.read_bytes())
        for path in (tmp_path / "there/MNIST/raw").iterdir()
    }
    resources = [(name, hashlib.md5(contents[name]).hexdigest()) for name in sorted(contents)]
    monkeypatch.setattr("torchvision.datasets.MNIST.resources", resources)
    timeouts = _serve(monkeypatch, contents)
    monkeypatch.chdir(tmp_path)
    raw = read_folder("mnist", None)
    for array, expected in zip((raw.x, raw.y, raw.x_test, raw.y_test), (x, y, x_test, y_test), strict=True):
        np.testing.assert_array_equal(array, expected)
    output = capsys.readouterr()
    assert output.out == ""
    assert "100" in output.err
    assert (tmp_path / "data/MNIST/raw/train-images-idx3-ubyte").is_file()
    assert None not in timeouts
    assert socket.getdefaulttimeout() is None


def test_a_missing_cifar_is_downloaded_and_unpacked(tmp_path, write_cifar, monkeypatch, capsys):
    x, y, x_test, y_test = write_cifar(tmp_path / "there", 100, samples=20, test_samples=10)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(tmp_path / "there/cifar-100-python", "cifar-100-python")
    content = packed.getvalue()
    monkeypatch.setattr("torchvision.datasets.CIFAR100.tgz_md5", hashlib.md5(content).hexdigest())
    _serve(monkeypatch, {"cifar-100-python.tar.gz": content})
    (tmp_path / "here").mkdir()
    raw = read_folder("cifar100", tmp_path / "here")
    for array, expected in zip((raw.x, raw.y, raw.x_test, raw.y_test), (x, y, x_test, y_test), strict=True):
        np.testing.assert_array_equal(array, expected)
    assert capsys.readouterr().out == ""


def test_a_download_that_is_not_the_original_is_refused(tmp_path, monkeypatch, refusal):
    _serve(monkeypatch, {"cifar-10-python.tar.gz": b"<html>Log in to the hotel's network</html>"})
    with refusal("--data-dir", "cifar10", "corrupted"):
        read_folder("cifar10", tmp_path)


def test_labels_beyond_the_classes_are_refused(tmp_path, write_cifar, refusal):
    write_cifar(tmp_path, 100, samples=120, test_samples=10)
    (tmp_path / "cifar-100-python").rename(tmp_path / "cifar-10-batches-py")
    folder = tmp_path / "cifar-10-batches-py"
    for i in range(1, 6):
        (folder / f"data_batch_{i}").write_bytes((folder / "train").read_bytes())
    (folder / "test").rename(folder / "test_batch")
    with refusal("--data-dir", str(folder), "labels 0 to 99", "0 to 9"):
        read_folder("cifar10", tmp_path)


def test_images_of_another_size_are_refused(tmp_path, write_mnist, refusal):
    write_mnist(tmp_path)
    raw = tmp_path / "MNIST/raw"
    header = b"\x00\x00\x08\x03" + b"".join(size.to_bytes(4, "big") for size in (60, 14, 56))
    content = (raw / "train-images-idx3-ubyte").read_bytes()
    (raw / "train-images-idx3-ubyte").write_bytes(header + content[16:])
    with refusal("--data-dir", "(1, 14, 56)", "(1, 28, 28)"):
        read_folder("mnist", tmp_path)


def test_more_images_than_labels_are_refused(tmp_path, write_mnist, refusal):
    write_mnist(tmp_path)
    raw = tmp_path / "MNIST/raw"
    (raw / "train-labels-idx1-ubyte").write_bytes((raw / "t10k-labels-idx1-ubyte").read_bytes())
    with refusal("--data-dir", "60 images and 30 labels"):
        read_folder("mnist", tmp_path)
