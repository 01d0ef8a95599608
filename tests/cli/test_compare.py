"""`ablate compare`: the verdicts of the gate, without its exit codes."""

import json

from tests.cli.baselines import changed_baseline, worse


def test_a_regression_is_reported_as_the_gate_reports_it_and_exits_0(ablate, output_of, stored):
    bad = changed_baseline(stored[0], "bad.parquet", worse)
    assert output_of("compare", stored[0], bad) == ablate("gate", stored[0], bad)[1]
    document = json.loads(output_of("compare", stored[0], bad, "--json"))
    assert (document["exit_code"], document["reasons"]) == (0, ["regression"])


def test_both_sides_are_needed(ablate):
    assert ablate("compare", "base.parquet")[0] == 2
