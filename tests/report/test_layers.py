import io

from rich.console import Console

from ablate.analysis.layers import health
from ablate.analysis.variants import named
from ablate.report.layers import layers_section
from ablate.report.numbers import ASCII
from ablate.report.sections import print_section
from ablate.store.parts import to_pandas
from ablate.store.schema import LAYERS
from tests.made_up import frames, made

QUANTITIES = {
    "activation_mean": 0.1,
    "activation_std": 0.2,
    "dead_share": 0.25,
    "saturated_share": 0.5,
    "update_ratio": 0.0012,
}


def _layers(run, first, **more):
    norms = {"hidden.0": first, "output": 0.5}
    rows = [
        {"run_id": run[0]["run_id"], "step": 0, "layer": layer, "quantity": "gradient_norm", "value": norm}
        for layer, norm in norms.items()
    ]
    return rows + [
        {"run_id": run[0]["run_id"], "step": 0, "layer": "hidden.0", "quantity": name, "value": value}
        for name, value in (QUANTITIES | more).items()
    ]


def _printed(runs, rows, width=200):
    table = LAYERS.empty_table()
    layers = to_pandas(table.from_pylist(rows, schema=LAYERS))
    out = io.StringIO()
    console = Console(file=out, width=width, no_color=True, highlight=False)
    print_section(layers_section(health(named(frames(*runs)[0]), layers), simulated=False), console, ASCII)
    return out.getvalue()


def test_a_variant_is_a_row_and_those_with_signs_of_trouble_stand_below():
    troubled, well, unseen = made("sigmoid"), made("relu"), made("tanh")
    text = _printed((troubled, well, unseen), _layers(troubled, 1e-5) + _layers(well, 1.0, dead_share=0.0))
    rows = [" ".join(line.split()) for line in text.splitlines() if "norm=off" in line]
    assert rows[0] == "relu norm=off dropout=0 2 2 0.50 0.0 50.0 0.0012 none"
    assert rows[1] == (
        "sigmoid norm=off dropout=0 2e-05 2e-05 0.50 25.0 50.0 0.0012 vanishing gradient, dead units"
    )
    assert rows[2] == "tanh norm=off dropout=0 - - - - - - -"
    assert "below 0.01 it vanishes" in text
    assert "batch norm\nshift" not in text


def test_batch_norm_has_a_column_where_there_is_any():
    run = made(norm="batch")
    text = _printed((run,), _layers(run, 1.0, dead_share=0.0, running_mean_shift=0.75, running_std_ratio=1.0))
    assert "0.75" in text
    assert "running mean lags" in text


def test_without_layers_it_says_how_to_get_them():
    text = _printed((made(),), [])
    assert "RESULTS holds no layers: train with `ablate run --diagnostics`" in text
