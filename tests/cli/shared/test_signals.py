import signal

import pytest

from ablate.cli.shared import signals
from ablate.cli.shared.signals import ENDING, EndingSignals


@pytest.fixture(autouse=True)
def _handlers_stay():
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("first", ENDING)
def test_the_first_signal_interrupts_and_further_ones_leave_the_cleaning_up_alone(first):
    ending = EndingSignals()
    ending.catch()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(first)
    for number in ENDING:
        signal.raise_signal(number)
    assert ending.received == first


def test_a_signal_that_foreign_code_has_swallowed_can_be_repeated(monkeypatch):
    ending = EndingSignals()
    ending.catch()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    monkeypatch.setattr(signals, "_PATIENCE_SECONDS", -1.0)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert ending.received == signal.SIGTERM


def test_ignored_signals_stay_ignored_and_the_others_end_the_process_after_release():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ending = EndingSignals()
    ending.catch()
    ending.release()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
