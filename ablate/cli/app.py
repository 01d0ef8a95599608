"""The typer application of the command line, which loads only the module of the called command."""

import os
from importlib import import_module

import typer

from ablate import __version__
from ablate.cli.shared.command import NoRepeatedOptions
from ablate.cli.shared.groups import option, takes_groups

EPILOG = (
    "Exit codes: 0 ok; 1 a bug in ablate; 2 wrong usage or input; 3 runs failed or diverged, results written; "
    "4 a regression; 5 nothing to show, no baseline or nothing comparable; 129, 130, 131 or 143 ended by SIGHUP, "
    "SIGINT, SIGQUIT or SIGTERM."
)

# Names of the commands and the first lines of their help. The module `ablate.cli.NAME` is loaded only when the command
# NAME is called, because some modules take longer to load than other commands take to run.
COMMANDS = {
    "run": "Train what is missing of a grid, store it, and show the tables.",
    "plan": "Show what a grid would train and take; trains nothing.",
    "merge": "Put results of shards, or copies of results, into one folder.",
    "report": "Show what did best, what matters, warnings, and the tables.",
    "plot": "Draw the figures of a results folder.",
    "baseline": "Write a results folder into one file, to commit and gate against.",
    "compare": "Show what improved, regressed or stayed as it was.",
    "gate": "Judge a candidate against a baseline, by exit code.",
    "bench": "Time the engine against plain loops, or what a step of each variant costs.",
    "list": "List activations, datasets, models, optimizers or presets.",
}


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"ablate {__version__}")
        raise typer.Exit


@takes_groups
def _top(
    version: bool = option(False, callback=_print_version, is_eager=True, help="print the version and exit"),
) -> None:
    del version


def app_for(arguments: list[str]) -> typer.Typer:
    """Returns the typer application for a command line with these arguments.

    Only the module of the command named in `arguments` is loaded. Any other command has only its line of help.
    """
    app = typer.Typer(
        help="Benchmark activation and regularization ablations: every run of a grid trained together.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_top)
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    completing = "_ABLATE_COMPLETE" in os.environ
    for name, summary in COMMANDS.items():
        if name == called or completing:
            module = import_module(f"ablate.cli.{name}")
            app.command(name, cls=NoRepeatedOptions, epilog=getattr(module, "EPILOG", None))(
                getattr(module, name.replace("list", "list_"))
            )
        else:
            app.command(name, help=summary)(_not_called)
    return app


def _not_called() -> None:
    """Stands in for the function of a command whose module is not loaded."""
