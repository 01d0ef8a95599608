"""The command line: its commands, and the one place where errors become messages and exit codes."""

import os
import sys
from typing import Annotated

import typer

from ablate import __version__
from ablate.cli.baseline import baseline
from ablate.cli.compare import compare
from ablate.cli.comparing import takes_groups
from ablate.cli.gate import EPILOG as GATE_EPILOG
from ablate.cli.gate import gate
from ablate.cli.list import list_
from ablate.cli.options import takes_experiment
from ablate.cli.plan import plan
from ablate.cli.plot import plot
from ablate.cli.report import report
from ablate.cli.run import run
from ablate.errors import AblateError

INTERRUPTED = 130

EPILOG = (
    "Exit codes: 0 ok; 1 a bug in ablate; 2 wrong usage or input; 3 runs failed or diverged, results written; "
    "4 a regression; 5 nothing to show, no baseline or nothing comparable; 130 interrupted."
)

app = typer.Typer(
    help="Benchmark activation and regularization ablations: every run of a grid trained together.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=True,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ablate {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="print the version and exit"),
    ] = False,
) -> None:
    del version


app.command()(takes_experiment(run))
app.command()(takes_experiment(plan))
app.command()(report)
app.command()(plot)
app.command()(baseline)
app.command()(takes_groups(compare))
app.command(epilog=GATE_EPILOG)(takes_groups(gate))
app.command("list")(list_)


def main() -> None:
    """Runs the command line and exits."""
    try:
        app()
    except AblateError as error:
        print(f"ablate: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does; what is left must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
