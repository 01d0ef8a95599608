import pytest
import torch

from ablate.bench.gemm import faster, prepare_gemm, usable_backends
from ablate.training.gemm import GEMMS


@pytest.fixture(autouse=True)
def _as_it_was():
    before = torch.backends.mkldnn.matmul.fp32_precision, torch.is_grad_enabled()
    yield
    torch.backends.mkldnn.matmul.fp32_precision = before[0]
    torch.set_grad_enabled(before[1])


def test_the_faster_backend_is_that_of_all_processes_together():
    assert faster([{"mkl": 3.0, "onednn": 5.0}, {"mkl": 4.0, "onednn": 1.0}]) == ("mkl", 7.0)
    assert faster([{"mkl": 3.0, "onednn": 5.0}]) == ("onednn", 5.0)


def test_a_backend_that_one_process_cannot_use_is_out():
    assert faster([{"mkl": 3.0, "onednn": 50.0}, {"mkl": 3.0}]) == ("mkl", 6.0)


def test_a_backend_counts_only_where_its_products_are_as_exact_as_those_of_float32(monkeypatch):
    names = usable_backends()
    assert "mkl" in names
    assert set(names) <= set(GEMMS)

    def rounded(a, b):
        if a.dtype is torch.float32 and torch.backends.mkldnn.matmul.fp32_precision == "bf16":
            return exact(a.bfloat16().double(), b.bfloat16().double()).float()
        return exact(a, b)

    exact = torch.Tensor.__matmul__
    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    assert usable_backends() == ("mkl",)


def test_rates_of_the_usable_backends_are_measured(monkeypatch):
    monkeypatch.setitem(prepare_gemm.__globals__["_SIZE"], "cpu", 64)
    rates = prepare_gemm("cpu")()
    assert set(rates) == set(usable_backends())
    assert min(rates.values()) > 0
