"""Report pages of runs with a hostile name."""

from ablate.analysis.convergence import Target
from ablate.analysis.findings import find
from ablate.analysis.summary import summarize
from ablate.report.html import Origin, to_html
from ablate.store.status import DIVERGED, FAILED
from tests.made_up import frames, made

EVIL = '</script><img src=x onerror="document.title=1">&'


ORIGIN = Origin(
    "de<mo", f'dataset = "digits" # {EVIL}\n', {"torch": "2.15.0", "cpu": EVIL, "experiment": "hidden"}
)


def grid():
    return [
        made(
            activation,
            norm,
            seed=seed,
            val=(0.1, 0.5 + 0.01 * seed, last - 0.02 * seed),
            status={"tanh": DIVERGED, EVIL: FAILED}.get(activation, "finished"),
        )
        for activation, last in (("sigmoid", 0.6), ("tanh", 0.8), ("relu", 0.9), ("gelu", 0.95), (EVIL, 0.5))
        for norm in ("off", "batch")
        for seed in (0, 1)
    ]


def summary_of(runs):
    stored, curves = frames(*runs)
    return summarize(stored, curves, Target.parse("0.7"), None, "best_val_accuracy"), curves


def page_of(runs, origin=ORIGIN):
    summary, curves = summary_of(runs)
    return to_html(summary, curves, find(summary), origin)
