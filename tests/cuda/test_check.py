"""The checks of the CUDA path: a dry run on the CPU reaches all of them, and each of them can fail."""

import subprocess
import time
from contextlib import nullcontext
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from ablate.experiment.activations import ACTIVATIONS
from ablate.nn.own_functions import resolve
from tests.cuda.check import (
    __main__,
    bits,
    changes,
    command_line,
    contests,
    engine,
    kernel_profile,
    libraries,
    prototypes,
    stages,
    values,
)
from tests.cuda.check.checks import Check, checks_of, run_checks
from tests.cuda.check.report import Finding, Report, summary
from tests.cuda.check.stages import STAGES

CNN = {"model": "cnn", "activation": "relu", "norm": "off", "dropout": 0, "seeds": 3, "channels": "4/8"}


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory):
    """The exit code of a dry run of all stages, and its findings by stage."""
    folder = tmp_path_factory.mktemp("check")
    code = __main__.main(["all", "--dry-run", "--output", str(folder)])
    return code, {stage: Report(folder, stage).read() for stage in STAGES}


@pytest.fixture
def report(tmp_path):
    return Report(tmp_path, "test")


@pytest.fixture
def worker():
    with engine.as_in_a_worker("cpu"):
        yield


def _failures(report):
    return [finding.text for finding in report.findings if finding.status == "FAILED"]


def _run(module, title, report):
    run_checks({title: checks_of([module])[title]}, "cpu", report, 60)


def test_a_dry_run_reaches_every_check_of_every_stage_and_none_fails(dry_run):
    code, findings = dry_run
    for name, stage in STAGES.items():
        titles = [title for part in stage.parts for title in checks_of(part.modules)]
        assert list(dict.fromkeys(finding.check for finding in findings[name])) == titles
        assert [finding for finding in findings[name] if finding.status == "FAILED"] == []
    assert code == 0


def test_a_dry_run_skips_only_what_needs_a_gpu(dry_run):
    skipped = {item.check for found in dry_run[1].values() for item in found if item.status == "skipped"}
    expected = {
        "GPU and driver",
        "tests marked cuda",
        "ablate run, cnn",
        "several stacks at once, a stream each",
    }
    expected |= set(contests.CHECKS)
    if find_spec("triton") is None:
        expected |= set(prototypes.CHECKS)
    assert skipped == expected


def test_a_dry_run_compares_two_optimizers_with_three_norms(dry_run):
    texts = [item.text for item in dry_run[1]["correctness"] if item.check.startswith("MLPs in float64")]
    assert [text.partition(": ")[0] for text in texts] == [
        f"{optimizer}, norm={norm}" for optimizer in ("sgd", "adam, cosine") for norm in values.FEW_NORMS
    ]


def test_measurements_are_stored_with_their_numbers(dry_run):
    steps = [item for item in dry_run[1]["speed"] if item.check.startswith("steps of MLPs")]
    for item in steps:
        assert item.status == "measured"
        assert item.values["device_us"] > 0
        assert item.values["step_us"] > item.values["floor_us"] > 0


def test_each_stage_takes_less_than_four_minutes():
    for stage in STAGES.values():
        assert stage.seconds + stages.GRACE < 240


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("title", "fault"), [
    ("MLPs in float64, recorded, against the CPU", 1e-8),
    ("MLPs in float64, recorded, against the CPU", float("nan")),
    ("convolutional networks against the CPU", 1e-8),
])  # fmt: skip
def test_a_wrong_weight_of_one_run_on_the_device_is_a_failure(report, monkeypatch, title, fault):
    trained = []

    def wrong(*arguments):
        trained.append(engine.train_steps(*arguments))
        if len(trained) % 2 == 0:  # the CPU comes first, then the device
            next(iter(trained[-1].states[-1].values())).view(-1)[-1] += fault
        return trained[-1]

    monkeypatch.setattr(values, "train_steps", wrong)
    _run("values", title, report)
    doubles = [item for item in report.findings if "float32" not in item.text]
    assert doubles
    assert {item.status for item in doubles} == {"FAILED"}


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(("title", "expected"), [
    ("bits of MLPs", 15), ("bits of convolutional networks", 4),
])  # fmt: skip
def test_one_bit_of_one_run_is_a_failure(report, monkeypatch, title, expected):
    calls = []

    def wrong(stack, dataset, device):
        calls.append(engine.curves(stack, dataset, device))
        for columns in calls[-1].values():
            # By the number of the call, so that no two calls agree.
            for _ in calls:
                columns["val_loss"][-1] = np.nextafter(columns["val_loss"][-1], 9)
        return calls[-1]

    monkeypatch.setattr(bits, "curves", wrong)
    _run("bits", title, report)
    assert len(_failures(report)) == expected == len(report.findings)


@pytest.mark.usefixtures("worker")
def test_dropout_that_differs_on_the_device_is_a_failure(report, monkeypatch):
    drawn = iter([torch.zeros(3), torch.tensor([0, 0, 2.0**-24])])
    monkeypatch.setattr(values, "uniforms", lambda *arguments: next(drawn))
    _run("values", "dropout", report)
    assert len(_failures(report)) == 1


@pytest.mark.usefixtures("worker")
def test_a_run_that_does_not_diverge_is_a_failure(report, monkeypatch):
    monkeypatch.setattr(bits, "overflowing", torch.relu)
    _run("bits", "a diverging run beside another", report)
    assert _failures(report) == ["a run diverges: None"]


@pytest.mark.usefixtures("worker")
def test_torchs_activations_are_those_they_replace():
    z = torch.linspace(-4, 4, 64, dtype=torch.float64).view(1, 4, 16)
    plain = {
        name: changes.activations.value_and_derivative(resolve(name), z)
        for name in ACTIVATIONS
        if name != "prelu"
    }
    with changes.torch_activations():
        for name, expected in plain.items():
            found = changes.activations.value_and_derivative(resolve(name), z)
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


class _Stream:
    """Stands for a CUDA stream: writes down what it waits for."""

    def __init__(self, name, log):
        self.name, self.log = name, log

    def wait_stream(self, other):
        self.log.append(f"{self.name} waits for {other.name}")


def test_blocks_run_on_streams_in_turn_between_two_waits(monkeypatch):
    log = []
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: _Stream("main", log))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext(log.append(f"on {stream.name}")))
    network = changes.build_network(engine.runs_of(CNN), (1, 8, 8), 10)
    with changes.convolutions_on([_Stream("a", log), _Stream("b", log)]):
        other = changes.networks.build_network(engine.runs_of(CNN), (1, 8, 8), 10)
    x, labels = torch.randn(1, 16, 8, 8, 1), torch.arange(16).unsqueeze(0) % 10
    for net in (network, other):
        net.prepare(0, 16)
    torch.testing.assert_close(other.train_step(x, labels), network.train_step(x, labels), rtol=0, atol=0)
    begin, end = ["a waits for main", "b waits for main"], ["main waits for a", "main waits for b"]
    assert log == 2 * [*begin, "on a", "on b", "on a", *end]  # forward and backward


class _Products:
    """Kernels for the products of a layer made of torch, with an offset into the samples that is 0 where right."""

    Tiles = staticmethod(lambda *sizes: sizes)

    def __init__(self, offset):
        self.offset = offset

    def forward(self, weight, x, order, z, precision, tiles):
        z.copy_(weight @ x[order - self.offset].transpose(1, 2))

    def update(self, weight, grad, x, order, precision, tiles):
        weight += grad @ x[order - self.offset]


@pytest.mark.parametrize("title", list(prototypes.CHECKS)[1:])
def test_a_kernel_that_reads_other_samples_is_a_failure(report, monkeypatch, title):
    for offset, failures in ((0, 0), (1, 3)):
        monkeypatch.setattr(prototypes, "_kernels", lambda report, offset=offset: _Products(offset))
        _run("prototypes", title, report)
        assert len(_failures(report)) == failures


def test_runs_of_other_accuracy_are_a_failure(report, tmp_path):
    for name, accuracy in (("device", 0.9), ("cpu", 0.95)):
        (tmp_path / name / "runs").mkdir(parents=True)
        frame = pd.DataFrame({"run_id": ["a", "b"], "status": "finished", "best_val_accuracy": accuracy})
        frame.to_parquet(tmp_path / name / "runs" / "part.parquet")
    command_line._compare_accuracies(tmp_path / "device", tmp_path / "cpu", report)
    assert len(_failures(report)) == 1
    assert report.findings[-1].values == {"mean": pytest.approx(0.05), "largest": pytest.approx(0.05)}


def test_the_arguments_of_a_contest_are_those_of_ablate_bench():
    contest = next(iter(contests.CONTESTS.values()))
    assert contest.arguments[:5] == ["-m", "ablate", "bench", "--dataset=mnist", "--dropout=0,0.1,0.2,0.5"]


@pytest.mark.parametrize(("name", "kind"), [
    ("void cutlass::Kernel2<cutlass_80_simt_sgemm_128x64_8x5_nn_align1>", "products"),
    ("void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>", "elementwise"),
    ("void at::native::reduce_kernel<512, 1>", "reductions"),
    ("sm80_xmma_fprop_implicit_gemm_f32f32", "products"),
    ("Memcpy HtoD (Pinned -> Device)", "copies"),
    ("unknown", "other"),
])  # fmt: skip
def test_kernels_are_sorted_by_what_they_are_for(name, kind):
    assert kernel_profile.kind_of(name) == kind


def test_slices_with_other_bits_are_counted():
    full = torch.ones(3, 2)
    other = full[:2].clone()
    other[1, 0] = torch.nextafter(other[1, 0], torch.tensor(2.0))
    assert libraries._unequal(other, full) == 1


def test_an_error_is_a_failure_and_the_next_check_runs(report):
    def breaks(device, report):
        raise ValueError("broken\non two lines")

    def works(device, report):
        report.measured("fine")

    run_checks({"first": Check(breaks, 9), "second": Check(works, 9)}, "cpu", report, 60)
    first, second = report.findings
    assert first.text.startswith("ended early: ValueError: broken on two lines [test_check.py:")
    assert (first.check, first.status, second.check, second.status) == (
        "first",
        "FAILED",
        "second",
        "measured",
    )


def test_a_check_that_takes_too_long_is_a_failure_and_the_next_check_runs(report):
    def sleeps(device, report):
        with report.attempt("nothing catches the interrupt"):
            time.sleep(30)

    begin = time.monotonic()
    run_checks(
        {"first": Check(sleeps, 1), "second": Check(lambda device, report: None, 1)}, "cpu", report, 60
    )
    assert time.monotonic() - begin < 20
    assert _failures(report) == [report.findings[0].text]
    assert "limit of 1 s reached" in report.findings[0].text


def test_a_check_is_skipped_when_no_time_is_left(report):
    run_checks({"late": Check(lambda device, report: pytest.fail("ran"), 9)}, "cpu", report, 1)
    assert [finding.status for finding in report.findings] == ["skipped"]


def test_a_process_that_crashes_or_hangs_is_a_failure(report, monkeypatch):
    part = STAGES["correctness"].parts[2]
    monkeypatch.setattr(stages.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=-11))
    stages._run_in_a_process(part, "correctness", "cuda", report, 1)

    def hangs(command, timeout, env):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(stages.subprocess, "run", hangs)
    stages._run_in_a_process(part, "correctness", "cuda", report, 1)
    assert len(_failures(report)) == 2


def test_the_command_fails_if_a_check_does_and_says_which(monkeypatch, tmp_path, capsys):
    failed = Finding("a check", "FAILED", "a text", {})
    monkeypatch.setattr(__main__, "run_stage", lambda *arguments: [failed])
    assert __main__.main(["speed", "--output", str(tmp_path / "new")]) == 1
    assert "FAILED   a check: a text" in capsys.readouterr().out


def test_the_summary_counts_every_status():
    found = [Finding("check", status, "text", {}) for status in ("ok", "ok", "skipped", "measured")]
    assert summary(found) == "2 ok, 0 FAILED, 1 skipped, 1 measured"
