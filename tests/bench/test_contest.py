import pytest

from ablate.bench.contest import Contest, Contestant, Spread, in_rounds, rotated, standings

WHOLE = Contestant("command", "ablate run", "", runs=10, run_steps=1000, flops=2_000_000)
ENGINE = Contestant("engine", "engine", "", runs=10, run_steps=1000, flops=2_000_000)
LOOP = Contestant("loop", "loop", "", runs=2, run_steps=200, flops=400_000)
CONTEST = Contest(
    (WHOLE, ENGINE, LOOP),
    {"command": (4.0, 8.0, 6.0), "engine": (1.0, 2.0, 4.0), "loop": (2.0, 2.0, 2.4)},
    gemm_rate=(1e7, 1e7, 2e7),
    gemm_backend="mkldnn",
    peak_bytes={"command": None, "engine": 5, "loop": 7},
)


def test_a_spread_is_median_and_range():
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([1.0, 2.0]) == Spread(1.5, 1.0, 2.0)


def test_times_are_of_one_run_and_of_one_step_of_it():
    _, engine, loop = standings(CONTEST)
    assert engine.run_seconds == Spread(0.2, 0.1, 0.4)
    assert engine.step_seconds == Spread(0.002, 0.001, 0.004)
    assert loop.step_seconds == Spread(0.01, 0.01, 0.012)
    assert (engine.peak_bytes, loop.peak_bytes) == (5, 7)


def test_ratios_are_of_steps_and_taken_within_a_round():
    command, engine, loop = standings(CONTEST)
    assert engine.to_engine == Spread(1, 1, 1)
    # Rounds of 10, 5 and 3; the ratio of the medians would be 5 of another kind: 0.01 over 0.002.
    assert loop.to_engine == Spread(pytest.approx(5), pytest.approx(3), pytest.approx(10))
    assert loop.to_command.median == pytest.approx(2.0)
    assert command.to_command == Spread(1, 1, 1)


def test_the_share_of_the_products_is_their_rate_over_the_machines_in_the_same_round():
    engine = standings(CONTEST)[1]
    # 2e6 in 1, 2 and 4 s are 20, 10 and 2.5 % of what the machine does in that round.
    assert engine.gemm_share == Spread(pytest.approx(0.1), pytest.approx(0.025), pytest.approx(0.2))


def test_everybody_is_measured_once_a_round_and_each_begins_in_turn():
    calls = []
    laps = {name: (lambda name=name: calls.append(name) or len(calls)) for name in "abc"}
    announced = []
    results = in_rounds(laps, 4, lambda number, name: announced.append((number, name)))
    assert calls == [*"abc", *"bca", *"cab", *"abc"]
    assert announced == [(index // 3, name) for index, name in enumerate(calls)]
    assert results["a"] == [1, 6, 8, 10]
    assert rotated(["a"], 5) == ["a"]
