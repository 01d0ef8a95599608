"""`ablate plan`: what a run would train; trains and writes nothing."""

from ablate.cli.options import takes_experiment
from ablate.cli.running import Force, Jobs, Output, folder_for, jobs_for, to_train
from ablate.cli.training import ExecutorName, runs_of
from ablate.experiment.plan import make_plan, sizes_of
from ablate.experiment.spec import Experiment
from ablate.report.plan import plan_text
from ablate.store.parquet import ResultsFolder


@takes_experiment
def plan(
    experiment: Experiment,
    output: Output = None,
    jobs: Jobs = "auto",
    executor: ExecutorName = "local",
    force: Force = False,
) -> None:
    """Show what a grid would train and take; trains nothing."""
    runs = runs_of(experiment, executor)
    workers = jobs_for(jobs)
    folder = ResultsFolder(folder_for(experiment, output))
    folder.ensure_same_data(runs[0].data)
    statuses = folder.statuses()
    ready = make_plan(to_train(runs, statuses, force), sizes_of(experiment), workers)
    print(plan_text(experiment, runs, statuses, ready, workers, folder.path))
