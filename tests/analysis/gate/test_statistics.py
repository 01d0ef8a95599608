import numpy as np
import pytest
from scipy import stats

from ablate.analysis.gate.statistics import Questions, answer, flips_suffice


def one_question(
    baseline: np.ndarray, candidate: np.ndarray, paired: bool, margin: float = 1e-12
) -> Questions:
    return Questions(baseline[:, None, None], candidate[:, None, None], np.full((1, 1), margin), paired)


@pytest.mark.parametrize("paired", [True, False])
def test_a_single_question_gets_the_p_of_the_permutation_test_of_its_mean(paired: bool) -> None:
    generator = np.random.default_rng(1)
    kind = "samples" if paired else "independent"
    for _ in range(8):
        baseline, candidate = generator.normal(size=6), generator.normal(0.7, size=6)
        found = answer(one_question(baseline, candidate, paired), 0.05)
        for name, alternative in (("p_worse", "greater"), ("p_better", "less")):
            p = stats.permutation_test(
                (candidate, baseline),
                lambda x, y: x.mean() - y.mean(),
                permutation_type=kind,
                alternative=alternative,
            ).pvalue
            loss = float(found.loss[0, 0])
            expected = p if (loss > 0) == (alternative == "greater") else 1.0
            assert getattr(found, name)[0, 0] == pytest.approx(expected)


def test_intervals_are_those_of_scipy() -> None:
    generator = np.random.default_rng(2)
    baseline, candidate = generator.normal(size=7), generator.normal(1, 3, size=7)
    paired = answer(one_question(baseline, candidate, True), 0.05)
    expected = stats.ttest_rel(candidate, baseline).confidence_interval(0.95)
    assert (paired.low[0, 0], paired.high[0, 0]) == pytest.approx((expected.low, expected.high))
    welch = answer(one_question(baseline[:4], candidate, False), 0.05)
    expected = stats.ttest_ind(candidate, baseline[:4], equal_var=False).confidence_interval(0.95)
    assert (welch.low[0, 0], welch.high[0, 0]) == pytest.approx((expected.low, expected.high))


def test_a_loss_below_the_margin_is_no_evidence_however_certain() -> None:
    baseline, candidate = np.zeros(8), np.full(8, 0.009)
    assert answer(one_question(baseline, candidate, True, margin=0.01), 0.05).p_worse[0, 0] == 1
    assert answer(one_question(baseline, candidate, True, margin=0.009), 0.05).p_worse[0, 0] == 2**-8


@pytest.mark.parametrize(
    ("seeds", "least"), [(3, 1 / 20), (4, 1 / 70), (5, 1 / 252), (6, 1 / 64), (10, 1 / 1024)]
)
def test_the_least_p_is_the_one_a_plain_loss_gets(seeds: int, least: float) -> None:
    questions = one_question(np.arange(seeds) * 1e-3, 1 + np.arange(seeds) * 1e-3, True)
    assert questions.least_p(0.05) == pytest.approx(least)
    assert answer(questions, 0.05).p_worse[0, 0] == pytest.approx(least)


@pytest.mark.parametrize("seeds", [4, 5, 6, 8])
def test_a_great_improvement_hides_no_loss(seeds: int) -> None:
    generator = np.random.default_rng(3)
    baseline = generator.normal(0, 0.003, (seeds, 2, 1))
    candidate = baseline + generator.normal(0, 0.001, baseline.shape) + np.array([[0.05], [-100.0]])
    found = answer(Questions(baseline, candidate, np.full((2, 1), 0.01), True), 0.05)
    assert found.p_worse[0, 0] <= 0.05
    assert found.p_better[1, 0] <= 0.05


@pytest.mark.parametrize(
    ("seeds", "paired"),
    [((6, 6), True), ((12, 12), True), ((6, 6), False), ((9, 10), False), ((10, 10), False)],
)
def test_swapping_the_sides_swaps_every_p_to_the_bit(seeds: tuple[int, int], paired: bool) -> None:
    generator = np.random.default_rng(4)
    margins = np.full((4, 3), 0.3)
    baseline, candidate = (generator.normal(size=(n, 4, 3)) for n in seeds)
    baseline[0, 0, 0] = np.nan
    there = answer(Questions(baseline, candidate, margins, paired), 0.05)
    back = answer(Questions(candidate, baseline, margins, paired), 0.05)
    np.testing.assert_array_equal(there.p_worse, back.p_better)
    np.testing.assert_array_equal(there.p_better, back.p_worse)
    np.testing.assert_allclose(there.low, -back.high)


def test_a_seed_without_a_value_counts_as_no_seed_of_that_question() -> None:
    generator = np.random.default_rng(5)
    baseline, candidate = generator.normal(size=7), generator.normal(1.5, size=7)
    whole = answer(one_question(baseline[1:], candidate[1:], True), 0.05)
    candidate[0] = np.nan
    found = answer(one_question(baseline, candidate, True), 0.05)
    assert found.loss == whole.loss
    assert found.p_worse[0, 0] == pytest.approx(whole.p_worse[0, 0])


def test_nothing_is_known_of_a_question_without_values() -> None:
    baseline = np.zeros((6, 2, 1))
    candidate = np.stack([np.full((6, 1), np.nan), np.full((6, 1), 1.0)], axis=1)
    found = answer(Questions(baseline, candidate, np.full((2, 1), 0.01), False), 0.05)
    assert np.isnan(found.loss[0, 0])
    assert found.p_worse[0, 0] == 1
    assert found.p_worse[1, 0] == 1 / 924 * 1


@pytest.mark.parametrize(("seeds", "paired"), [(6, True), (3, False), (6, False)])
def test_a_gate_without_a_change_is_red_as_often_as_alpha_says_and_a_loss_is_found(
    seeds: int, paired: bool
) -> None:
    generator = np.random.default_rng(6)
    scale = generator.uniform(0.002, 0.006, (1, 5, 2))
    red = found = 0
    gates = 150
    for _ in range(gates):
        common = generator.normal(size=(2, seeds, 1, 1))
        sides = scale * (generator.normal(size=(2, seeds, 5, 2)) + common)
        margins = np.full((5, 2), 0.002)  # below the noise, so that the test alone holds the line
        red += answer(Questions(sides[0], sides[1], margins, paired), 0.05).p_worse.min() <= 0.05
        sides[1, :, 2] += 0.02
        found += answer(Questions(sides[0], sides[1], margins, paired), 0.05).p_worse[2].min() <= 0.05
    # Three standard deviations of a binomial around 5 %.
    assert red / gates <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / gates)
    assert found / gates >= (0.85 if seeds == 6 else 0.5)


def test_flips_need_room_for_one_mirror_image() -> None:
    assert [flips_suffice(pairs, 0.05) for pairs in (4, 5, 6)] == [False, False, True]
