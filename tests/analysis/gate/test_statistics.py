from dataclasses import fields

import numpy as np
import pytest
from scipy import stats

from ablate.analysis.gate.statistics import Answers, Questions, answer, flips_suffice

ALPHA = 0.05


def ask_once(baseline, candidate, *, paired, margin=1e-12):
    """Returns the numbers of the answer to a single question, for values of shape (seeds,)."""
    questions = Questions(baseline[:, None, None], candidate[:, None, None], np.full((1, 1), margin), paired)
    answers = answer(questions, ALPHA)
    return {field.name: float(getattr(answers, field.name)[0, 0]) for field in fields(Answers)}


def permutation_p(baseline, candidate, *, paired, alternative):
    def loss(one, other):
        return one.mean() - other.mean()

    kind = "samples" if paired else "independent"
    test = stats.permutation_test((candidate, baseline), loss, permutation_type=kind, alternative=alternative)
    return test.pvalue


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("draw", range(8))
def test_a_single_question_gets_the_p_of_the_permutation_test_of_its_mean(paired, draw):
    generator = np.random.default_rng(draw)
    baseline, candidate = generator.normal(size=6), generator.normal(0.7, size=6)
    found = ask_once(baseline, candidate, paired=paired)
    is_loss = found["loss"] > 0
    p = permutation_p(baseline, candidate, paired=paired, alternative="greater" if is_loss else "less")
    assert found["p_worse"] == pytest.approx(p if is_loss else 1.0)
    assert found["p_better"] == pytest.approx(1.0 if is_loss else p)


def test_paired_intervals_are_students_as_in_scipy():
    generator = np.random.default_rng(2)
    baseline, candidate = generator.normal(size=7), generator.normal(1, 3, size=7)
    found = ask_once(baseline, candidate, paired=True)
    expected = stats.ttest_rel(candidate, baseline).confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))


def test_unpaired_intervals_are_welchs_as_in_scipy():
    generator = np.random.default_rng(2)
    baseline, candidate = generator.normal(size=4), generator.normal(1, 3, size=7)
    found = ask_once(baseline, candidate, paired=False)
    expected = stats.ttest_ind(candidate, baseline, equal_var=False).confidence_interval(0.95)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("margin", "p"), [(0.01, 1.0), (0.009, 2**-8)])
def test_a_loss_below_the_margin_is_no_evidence_however_certain(margin, p):
    found = ask_once(np.zeros(8), np.full(8, 0.009), paired=True, margin=margin)
    assert found["p_worse"] == p


@pytest.mark.parametrize(
    ("seeds", "least"), [(3, 1 / 20), (4, 1 / 70), (5, 1 / 252), (6, 1 / 64), (10, 1 / 1024)]
)
def test_the_least_p_is_the_one_a_plain_loss_gets(seeds, least):
    baseline = np.arange(seeds)[:, None, None] * 1e-3
    questions = Questions(baseline, baseline + 1, np.full((1, 1), 1e-12), paired=True)
    assert questions.least_p(ALPHA) == pytest.approx(least)
    assert answer(questions, ALPHA).p_worse[0, 0] == pytest.approx(least)


@pytest.mark.parametrize("seeds", [4, 5, 6, 8])
def test_a_great_improvement_hides_no_loss(seeds):
    generator = np.random.default_rng(3)
    baseline = generator.normal(0, 0.003, (seeds, 2, 1))
    small_loss, great_gain = 0.05, -100.0
    noise = generator.normal(0, 0.001, baseline.shape)
    candidate = baseline + noise + np.array([[small_loss], [great_gain]])
    answers = answer(Questions(baseline, candidate, np.full((2, 1), 0.01), paired=True), ALPHA)
    assert answers.p_worse[0, 0] <= ALPHA
    assert answers.p_better[1, 0] <= ALPHA


@pytest.mark.parametrize(
    ("seeds", "paired"),
    [((6, 6), True), ((12, 12), True), ((6, 6), False), ((9, 10), False), ((10, 10), False)],
)
def test_swapping_the_sides_swaps_every_p_to_the_bit(seeds, paired):
    generator = np.random.default_rng(4)
    margins = np.full((4, 3), 0.3)
    baseline, candidate = (generator.normal(size=(n, 4, 3)) for n in seeds)
    baseline[0, 0, 0] = np.nan
    there = answer(Questions(baseline, candidate, margins, paired), ALPHA)
    back = answer(Questions(candidate, baseline, margins, paired), ALPHA)
    np.testing.assert_array_equal(there.p_worse, back.p_better)
    np.testing.assert_array_equal(there.p_better, back.p_worse)
    np.testing.assert_allclose(there.low, -back.high)


def test_a_seed_without_a_value_counts_as_no_seed_of_that_question():
    generator = np.random.default_rng(5)
    baseline, candidate = generator.normal(size=7), generator.normal(1.5, size=7)
    without_the_seed = ask_once(baseline[1:], candidate[1:], paired=True)
    candidate[0] = np.nan
    with_a_hole = ask_once(baseline, candidate, paired=True)
    assert with_a_hole["loss"] == without_the_seed["loss"]
    assert with_a_hole["p_worse"] == pytest.approx(without_the_seed["p_worse"])


def test_nothing_is_known_of_a_question_without_values():
    baseline = np.zeros((6, 2, 1))
    candidate = np.stack([np.full((6, 1), np.nan), np.full((6, 1), 1.0)], axis=1)
    answers = answer(Questions(baseline, candidate, np.full((2, 1), 0.01), paired=False), ALPHA)
    assert np.isnan(answers.loss[0, 0])
    assert answers.p_worse[0, 0] == 1
    assert answers.p_worse[1, 0] == 1 / 924  # deals of 12 seeds to two sides of 6


VARIANTS, METRICS, GATES = 5, 2, 150


@pytest.fixture(params=[(6, True), (3, False), (6, False)], ids=["6-paired", "3-unpaired", "6-unpaired"])
def noisy_gates(request):
    """Returns the number of seeds, and pairs of sides of equal results with noise that a seed's runs share in part."""
    seeds, paired = request.param
    generator = np.random.default_rng(6)
    scale = generator.uniform(0.002, 0.006, (1, VARIANTS, METRICS))
    shape = (2, seeds, VARIANTS, METRICS)
    sides = [
        scale * (generator.normal(size=shape) + generator.normal(size=(2, seeds, 1, 1))) for _ in range(GATES)
    ]
    return seeds, paired, sides


def p_worse(sides, paired):
    margins = np.full((VARIANTS, METRICS), 0.002)  # below the noise, so that the test alone decides
    return answer(Questions(*sides, margins, paired), ALPHA).p_worse


def test_a_gate_without_a_change_fails_at_most_as_often_as_alpha_says(noisy_gates):
    _, paired, gates = noisy_gates
    failed = sum(p_worse(sides, paired).min() <= ALPHA for sides in gates)
    three_standard_deviations = 3 * np.sqrt(ALPHA * (1 - ALPHA) / GATES)
    assert failed / GATES <= ALPHA + three_standard_deviations


def test_a_loss_in_one_variant_is_found(noisy_gates):
    seeds, paired, gates = noisy_gates
    found = 0
    for sides in gates:
        sides[1, :, 2] += 0.02
        found += p_worse(sides, paired)[2].min() <= ALPHA
    assert found / GATES >= (0.85 if seeds == 6 else 0.5)


def test_flips_need_room_for_one_mirror_image():
    assert [flips_suffice(pairs, ALPHA) for pairs in (4, 5, 6)] == [False, False, True]
