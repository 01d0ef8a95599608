import itertools

from hypothesis import given
from hypothesis import strategies as st

from ablate.experiment.seeding import PURPOSES, derive


def test_streams_are_pinned():
    """Values that stored results rest on: to change one is to make every stored run another run."""
    assert derive(0, "init", "linear.0", "weight") == 928606475050079605
    assert derive(1, "order", 7) == 6180693902034768606


@given(st.integers(0, 2**32 - 1), st.integers(0, 10**6))
def test_every_purpose_and_key_has_a_stream_of_its_own(seed, key):
    streams = [derive(seed, purpose, key) for purpose in PURPOSES] + [derive(seed, "init", key + 1)]
    assert len(set(streams)) == len(streams)
    assert all(0 <= stream < 2**63 for stream in streams)


def test_keys_do_not_run_into_one_another():
    calls = [(1, "init", 23), (12, "init", 3), (1, "init", "23"), (1, "init", 2, 3), (1, "init", "2", 3)]
    assert len({derive(*call) for call in calls}) == len(calls)


def test_neighbouring_seeds_give_unrelated_bits():
    streams = [derive(seed, "order", 0) for seed in range(400)]
    differing = [bin(a ^ b).count("1") for a, b in itertools.pairwise(streams)]
    assert abs(sum(differing) / len(differing) - 63 / 2) < 1
