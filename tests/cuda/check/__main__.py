"""`python -m tests.cuda.check STAGE`: see the package's docstring."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import tests.cuda.check
from tests.cuda.check.report import summary
from tests.cuda.check.stages import STAGES, run_stage


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs stages and returns the exit code: 1 if a check failed."""
    given = _parser().parse_args(arguments)
    given.output.mkdir(parents=True, exist_ok=True)
    if given.wheels:
        _install(given.wheels, given.output / "site")
    findings = []
    for stage in STAGES if given.stage == "all" else (given.stage,):
        findings += run_stage(stage, "cpu" if given.dry_run else "cuda", given.output.resolve())
    print(summary(findings))
    print(f"the whole report is in {given.output}")
    return int(any(finding.status == "FAILED" for finding in findings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.cuda.check",
        description=tests.cuda.check.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("stage", choices=[*STAGES, "all"])
    parser.add_argument("--output", metavar="DIR", type=Path, default=Path("results/cuda-check"))
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, at tiny sizes")
    parser.add_argument(
        "--wheels", metavar="FOLDER", type=Path, help="install these wheels into DIR/site first"
    )
    return parser


def _install(wheels: Path, site: Path) -> None:
    """Installs all wheels of a folder into another one, for this process and those it starts."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--upgrade"]
    subprocess.run([*command, "--target", str(site), *map(str, wheels.glob("*.whl"))], check=True)
    site = site.resolve()
    sys.path.insert(0, str(site))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))


if __name__ == "__main__":
    sys.exit(main())
