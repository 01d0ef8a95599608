import pytest
import torch

from ablate.bench.gemm import GemmProbe, faster, prepare_gemm, usable_backends
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


class FakeProcess:
    """Answers with these rates one after another, each time it has been asked."""

    def __init__(self, *rates):
        self.rates, self.asked = iter(rates), 0

    def ask(self):
        self.asked += 1

    def answer(self):
        return next(self.rates)


def test_a_probe_asks_all_processes_at_once_and_sums_their_rates():
    slow, fast = {"mkl": 1.0, "onednn": 2.0}, {"mkl": 10.0, "onednn": 3.0}
    first, second = FakeProcess(slow, slow, fast), FakeProcess(slow, slow, fast)
    probe = GemmProbe([first, second])
    assert [probe() for _ in range(3)] == [4.0, 4.0, 20.0]
    assert (first.asked, second.asked) == (3, 3)
    assert probe.backends == ["onednn", "onednn", "mkl"]
    assert probe.usual_backend == "onednn"


def test_rates_of_the_usable_backends_are_measured(monkeypatch):
    monkeypatch.setitem(prepare_gemm.__globals__["_SIZE"], "cpu", 64)
    rates = prepare_gemm("cpu")()
    assert set(rates) == set(usable_backends())
    assert min(rates.values()) > 0
