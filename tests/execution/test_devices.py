"""Devices by name, with a driver that is made up."""

import pytest

from ablate.errors import SpecError
from ablate.execution import devices
from ablate.execution.devices import Device, device_for, gpu_memory


class Driver:
    """Answers as libcuda does for GPUs of these sizes."""

    def __init__(self, sizes, status=0):
        self.sizes, self.status = sizes, status

    def cuInit(self, flags):
        return self.status

    def cuDeviceGetCount(self, count):
        count._obj.value = len(self.sizes)

    def cuDeviceGet(self, handle, index):
        handle._obj.value = index

    def cuDeviceTotalMem_v2(self, size, handle):
        size._obj.value = self.sizes[handle.value]


@pytest.fixture
def driver(monkeypatch):
    def install(found, build="2.15.0+cu132"):
        monkeypatch.setattr(devices, "_driver", lambda: found)
        monkeypatch.setattr(devices, "version", lambda name: build)

    return install


def test_auto_is_cuda_where_there_are_gpus_and_the_cpu_elsewhere(driver):
    driver(Driver([80 << 30, 40 << 30]))
    assert (
        device_for("auto", gpu_memory)
        == device_for("cuda", gpu_memory)
        == Device("cuda", (80 << 30, 40 << 30))
    )
    assert device_for("cpu", gpu_memory) == Device("cpu")
    driver(None)
    assert device_for("auto", gpu_memory) == Device("cpu")


@pytest.mark.parametrize(
    ("found", "build"),
    [
        (None, "2.15.0"),
        (Driver([], 0), "2.15.0"),
        (Driver([1 << 30], 100), "2.15.0"),
        (Driver([1 << 30]), "2.15.0+cpu"),
    ],
    ids=["no driver", "no gpu", "driver that fails", "torch for cpus"],
)
def test_cuda_is_refused_where_torch_could_not_use_it(driver, found, build):
    driver(found, build)
    assert gpu_memory() == ()
    with pytest.raises(SpecError, match=r"--device: .*'cuda' here; legal are auto and cpu"):
        device_for("cuda", gpu_memory)


def test_another_name_is_refused_with_the_nearest():
    with pytest.raises(
        SpecError, match=r"--device: 'cdua' is not one of auto, cpu, cuda; did you mean 'cuda'\?"
    ):
        device_for("cdua", gpu_memory)


def test_the_driver_of_this_machine_answers_without_torch():
    assert all(isinstance(size, int) and size > 0 for size in gpu_memory())
