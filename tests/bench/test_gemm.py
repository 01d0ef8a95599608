import torch

from ablate.bench.gemm import BACKENDS, faster, prepare_gemm, usable_backends


def test_the_faster_backend_is_that_of_all_processes_together():
    assert faster([{"default": 3.0, "mkldnn": 5.0}, {"default": 4.0, "mkldnn": 1.0}]) == ("default", 7.0)
    assert faster([{"default": 3.0, "mkldnn": 5.0}]) == ("mkldnn", 5.0)


def test_a_backend_that_one_process_cannot_use_is_out():
    assert faster([{"default": 3.0, "mkldnn": 50.0}, {"default": 3.0}]) == ("default", 6.0)


def test_a_backend_counts_only_where_its_products_are_as_exact_as_those_of_float32(monkeypatch):
    names = usable_backends(torch.Generator().manual_seed(1))
    assert "default" in names
    assert set(names) <= set(BACKENDS)

    def rounded(a, b):
        if a.dtype is torch.float32 and torch.backends.mkldnn.matmul.fp32_precision == "bf16":
            return exact(a.bfloat16().double(), b.bfloat16().double()).float()
        return exact(a, b)

    exact = torch.Tensor.__matmul__
    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    assert usable_backends(torch.Generator().manual_seed(1)) == ("default",)


def test_rates_are_measured_and_the_setting_is_as_before(monkeypatch):
    monkeypatch.setitem(prepare_gemm.__globals__["_SIZE"], "cpu", 64)
    before, grad = torch.backends.mkldnn.matmul.fp32_precision, torch.is_grad_enabled()
    rates = prepare_gemm("cpu")()
    torch.set_grad_enabled(grad)
    assert "default" in rates
    assert min(rates.values()) > 0
    assert torch.backends.mkldnn.matmul.fp32_precision == before
