"""The choice of the library that multiplies: only where it is as exact and clearly faster."""

import pytest
import torch

from ablate.errors import AblateError
from ablate.experiment.grid import expand
from ablate.experiment.spec import build
from ablate.training import gemm as gemm_module
from ablate.training.gemm import GEMMS, SINGLE_ERROR, WORTHWHILE, calibrate, choose, for_run, use


@pytest.fixture(autouse=True)
def _as_it_was():
    before = torch.backends.mkldnn.matmul.fp32_precision
    yield
    torch.backends.mkldnn.matmul.fp32_precision = before


@pytest.mark.parametrize(
    ("error", "gain", "expected"),
    [
        (1e-7, 2.0, "onednn"),
        (1e-7, WORTHWHILE - 0.01, "mkl"),
        (1e-3, 5.0, "mkl"),  # a unit that rounds to bfloat16
        (float("nan"), 5.0, "mkl"),
    ],
)
def test_onednn_is_chosen_where_it_is_exact_and_faster(error, gain, expected):
    assert choose(error, gain) == expected


def test_what_calibration_chooses_multiplies_in_single_precision():
    use(calibrate())
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(3, 70, 90, generator=generator), torch.randn(3, 90, 50, generator=generator)
    exact = a.double() @ b.double()
    assert float(((a @ b) - exact).abs().max() / exact.abs().max()) < SINGLE_ERROR


def test_a_library_that_another_processor_has_chosen_is_refused_where_it_rounds(monkeypatch):
    errors = {"mkl": 1e-3, "onednn": 1e-7}
    monkeypatch.setattr(gemm_module, "error", errors.get)
    gemm_module.ensure_accurate.cache_clear()
    for gemm in GEMMS:
        gemm_module.ensure_accurate(gemm)
    gemm_module.ensure_accurate.cache_clear()
    errors["onednn"] = 1e-3
    with pytest.raises(AblateError, match="would round them to bfloat16"):
        gemm_module.ensure_accurate("onednn")


def test_every_library_can_be_used_and_left_again():
    for gemm in (*GEMMS, *GEMMS[::-1]):
        use(gemm)
        assert (torch.backends.mkldnn.matmul.fp32_precision == "bf16") == (gemm == "onednn")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "onednn"),
        ({"hidden": "6"}, "mkl"),  # 6 units to 10 classes
        ({"hidden": "100/1/100"}, "mkl"),
        ({"model": "cnn", "channels": "4"}, "onednn"),
    ],
)
def test_stacks_with_small_products_are_left_to_mkl(settings, expected):
    run = expand(build({"activation": "relu"} | settings))[0]
    assert for_run("onednn", run, (1, 8, 8), 10) == expected
    assert for_run("mkl", run, (1, 8, 8), 10) == "mkl"
