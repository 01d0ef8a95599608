"""Stage speed: `ablate bench` on the GPU against its rivals there."""

from typing import Any, NamedTuple

from ablate.bench.rivals import rivals_for
from ablate.experiment.grid import expand
from ablate.experiment.spec import build
from tests.cuda.check.checks import Check
from tests.cuda.check.programs import run_python
from tests.cuda.check.report import Report


class Contest(NamedTuple):
    """A grid, how many runs it has, and the rivals it is timed against."""

    settings: dict[str, Any]
    runs: int
    rivals: str

    @property
    def arguments(self) -> list[str]:
        """Those of the command."""
        options = [f"--{name.replace('_', '-')}={value}" for name, value in self.settings.items()]
        return ["-m", "ablate", "bench", *options, "--rivals", self.rivals, "--rounds", "1"]


def _hold(contest: Contest, device: str, report: Report) -> None:
    experiment = build(contest.settings)
    runs = expand(experiment)
    report.expect(len(runs) == contest.runs, f"the grid has {len(runs)} runs")
    rivals = rivals_for(contest.rivals, "cuda", experiment.model)
    if device != "cuda":
        report.skipped(f"needs a GPU: python {' '.join(contest.arguments)}, {len(rivals)} rivals")
        return
    run_python([*contest.arguments, "--device", "cuda"], report, lines=16)


MNIST = {"dataset": "mnist", "dropout": "0,0.1,0.2,0.5", "seeds": 5, "epochs": 1}
CIFAR = {"model": "cnn", "dataset": "cifar10", "activation": "relu", "norm": "batch", "dropout": "0,0.2"}
CONTESTS = {
    "bench: MLPs on data of MNIST's shape": Contest(MNIST, 360, "loop,graph"),
    "bench: cnn on data of CIFAR-10's shape": Contest(CIFAR | {"seeds": 8, "epochs": 1}, 16, "loop,graph"),
    "bench: many MLPs on digits": Contest({"seeds": 20, "epochs": 5}, 1080, "graph,vmap"),
}
CHECKS = {
    title: Check(lambda device, report, contest=contest: _hold(contest, device, report), 75)
    for title, contest in CONTESTS.items()
}
