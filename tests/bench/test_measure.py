from ablate.bench.measure import measure_step_costs
from ablate.data.arrays import prepare
from ablate.execution.devices import Device
from ablate.experiment.grid import expand
from ablate.experiment.spec import build
from ablate.store.schema import STEP_COSTS


def test_step_costs_have_one_row_per_variant_with_its_settings_as_stored():
    experiment = build({"activation": "relu,tanh", "norm": "off", "dropout": "0", "seeds": 2, "hidden": "16"})
    laps = []
    costs = measure_step_costs(
        experiment,
        expand(experiment),
        prepare(experiment),
        rounds=2,
        device=Device("cpu"),
        on_lap=lambda number, name: laps.append((number, name)),
    )
    assert laps == [(0, "all variants"), (1, "all variants")]
    assert set(costs.columns) == {"variant", *STEP_COSTS.names}
    assert sorted(costs["variant"]) == ["relu norm=off dropout=0", "tanh norm=off dropout=0"]
    same = {"hidden": "16", "dropout": "0", "batch_size": 64, "momentum": 0.0, "runs": 2, "rounds": 2}
    for name, value in same.items():
        assert costs[name].tolist() == [value, value]
    assert (costs["step_seconds_low"] <= costs["step_seconds"]).all()
    assert (costs["step_seconds"] <= costs["step_seconds_high"]).all()
    assert (costs["step_seconds"] == (costs["step_seconds_low"] + costs["step_seconds_high"]) / 2).all()
