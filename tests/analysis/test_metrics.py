import pytest

from ablate.analysis.metrics import DEFAULT_SORT, METRICS, sort_column
from ablate.errors import SpecError


def test_gaps_and_steps_are_better_when_low_and_accuracies_when_high():
    low = {name for name, metric in METRICS.items() if not metric.higher_is_better}
    assert low == {"gap_accuracy", "gap_loss", "best_gap_accuracy", "best_gap_loss", "steps_to_target"}


@pytest.mark.parametrize("column", [*METRICS, "variant"])
def test_every_metric_and_the_variants_can_be_sorted_by(column):
    assert sort_column(column) == column


def test_the_default_is_a_metric():
    assert DEFAULT_SORT in METRICS


def test_an_unknown_column_names_the_nearest_and_the_flag():
    with pytest.raises(SpecError, match=r"--sort: 'gap_los'.*steps_to_target; did you mean 'gap_loss'\?"):
        sort_column("gap_los")
