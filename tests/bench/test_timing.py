import time

from ablate.bench.timing import seconds_of


def test_seconds_are_those_of_the_work(monkeypatch):
    clock = [5.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    assert seconds_of(lambda: clock.__setitem__(0, clock[0] + 2.5)) == 2.5
