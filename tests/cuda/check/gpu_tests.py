"""The tests that are marked `cuda`."""

from tests.cuda.check.checks import Check
from tests.cuda.check.programs import run_python
from tests.cuda.check.report import Report

# Plugins and settings that a bare machine may lack are left out.
OPTIONS = ("-q", "--tb=line", "-o", "filterwarnings=default", "-p", "no:cacheprovider")


def _run_tests(device: str, report: Report) -> None:
    if device != "cuda":
        report.skipped("needs a GPU; the ordinary tests run what they can of these on the CPU")
        return
    arguments = ["-m", "pytest", "tests/cuda", "-m", "cuda", *OPTIONS]
    run_python(arguments, report, lines=25, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


CHECKS = {"tests marked cuda": Check(_run_tests, 75)}
