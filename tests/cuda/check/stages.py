"""The stages: which checks they run, in which processes, within how many seconds."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.cuda.check.checks import checks_of, run_checks
from tests.cuda.check.report import Finding, Report

# With fewer seconds left a part is not started.
SHORTEST = 10
# What a process may take beyond its limit, to start and to end.
GRACE = 10


@dataclass(frozen=True)
class Part:
    """Modules of checks that run one after another.

    Attributes:
        modules: Of this package.
        seconds: For all of them.
        trains: Whether they train, and so run in a process of their own on a GPU; the others run where the stages do,
            which never touches the GPU.
        runs_triton: Whether they need a process of their own in a dry run too: Triton's interpreter has to be chosen
            before Triton is imported.
    """

    modules: tuple[str, ...]
    seconds: int
    trains: bool = True
    runs_triton: bool = False


@dataclass(frozen=True)
class Stage:
    """Parts within a limit of seconds."""

    seconds: int
    parts: tuple[Part, ...]


def run_stage(name: str, device: str, folder: Path) -> list[Finding]:
    """Runs a stage and returns its findings.

    Args:
        name: In `STAGES`.
        device: `cuda`, or `cpu` for a dry run.
        folder: Takes the files of the report; those of the same stage are replaced.
    """
    report = Report(folder, name)
    for file in (report.text_file, report.json_file):
        file.unlink(missing_ok=True)
    stage, begin = STAGES[name], time.monotonic()
    report.say(f"# {name}" + " (dry run on the CPU: tiny sizes, times mean nothing)" * (device == "cpu"))
    for part in stage.parts:
        report.check = ", ".join(part.modules)
        left = int(begin + stage.seconds - time.monotonic())
        if left < SHORTEST:
            report.skipped(f"{report.check}: {left} s left in the stage")
            continue
        _run_part(part, name, device, report, min(part.seconds, left))
    report.say(f"# {name}: {time.monotonic() - begin:.0f} s")
    return report.read()


def _run_part(part: Part, stage: str, device: str, report: Report, seconds: int) -> None:
    if part.runs_triton or (part.trains and device == "cuda"):
        _run_in_a_process(part, stage, device, report, seconds)
    elif part.trains:
        from ablate.training.backend import set_environment

        set_environment()
        from tests.cuda.check.engine import as_in_a_worker  # brings torch, which reads the environment

        with as_in_a_worker(device):
            run_checks(checks_of(part.modules), device, report, seconds)
    else:
        run_checks(checks_of(part.modules), device, report, seconds)


def _run_in_a_process(part: Part, stage: str, device: str, report: Report, seconds: int) -> None:
    command = [sys.executable, "-m", "tests.cuda.check.checks", ",".join(part.modules), "--stage", stage]
    command += ["--device", device, "--output", str(report.folder), "--seconds", str(seconds)]
    environment = os.environ | ({"TRITON_INTERPRET": "1"} if device == "cpu" else {})
    try:
        code = subprocess.run(command, env=environment, timeout=seconds + GRACE).returncode
    except subprocess.TimeoutExpired:
        report.expect(False, f"the process ends within {seconds + GRACE} s")
        return
    if code:
        report.expect(False, f"the process ends by itself; it ended with code {code}, its errors are above")


STAGES = {
    "correctness": Stage(
        215,
        (
            Part(("machine",), 60, trains=False),
            Part(("gpu_tests",), 75, trains=False),
            Part(("values", "bits"), 105),
            Part(("failures",), 40),
            Part(("command_line",), 60, trains=False),
        ),
    ),
    "speed": Stage(
        225,
        (
            Part(("steps", "libraries"), 80),
            Part(("prototypes",), 45, runs_triton=True),
            Part(("contests",), 120, trains=False),
        ),
    ),
    "profile": Stage(95, (Part(("kernel_profile",), 85),)),
}
