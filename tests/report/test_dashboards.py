import json

import pytest

from ablate.analysis.gate.verdict import Verdict
from ablate.errors import SpecError
from ablate.report.dashboards import export
from tests.report.comparisons import ALL, comparison, finding_of


def test_dashboards_get_the_values_that_are_better_in_one_direction() -> None:
    measured = comparison(
        finding_of(Verdict.REGRESSED),
        finding_of(Verdict.UNCHANGED, "relu", "steps_to_target"),
        ALL.findings[5],
    )
    (bigger,) = json.loads(export(measured, "bigger"))
    assert bigger == {
        "name": "relu val_accuracy",
        "unit": "share",
        "value": 0.93,
        "range": "± 0.01",
        "extra": "baseline 0.95, regressed",
    }
    (smaller,) = json.loads(export(measured, "smaller"))
    assert (smaller["name"], smaller["unit"]) == ("relu steps_to_target", "steps")
    measures = json.loads(export(measured, "bmf"))["relu"]
    assert set(measures) == {"val_accuracy", "steps_to_target"}
    assert measures["val_accuracy"] == pytest.approx(
        {"value": 0.93, "lower_value": 0.92, "upper_value": 0.94}
    )
    with pytest.raises(SpecError, match="'csv' is not one of bigger, smaller, bmf"):
        export(measured, "csv")
