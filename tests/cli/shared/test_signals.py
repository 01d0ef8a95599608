import signal
import subprocess
import sys
import time

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


def test_an_interrupt_in_a_source_text_changes_no_exit_code_either():
    code = (
        "import signal, sys; from ablate.cli.shared.signals import EndingSignals; EndingSignals().catch()\n"
        "try:\n    exec('signal.raise_signal(signal.SIGINT)')\n"
        "except KeyboardInterrupt:\n    sys.exit(130)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 130


def test_a_signal_that_foreign_code_has_swallowed_can_be_repeated(monkeypatch):
    ending = EndingSignals()
    ending.catch()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    monkeypatch.setattr(signals, "_PATIENCE_SECONDS", -1.0)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert ending.received == signal.SIGTERM


def test_signals_are_ignored_after_release_so_that_the_process_ends_as_it_was_going_to():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ending = EndingSignals()
    ending.catch()
    ending.release()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


class Interrupted:
    """Receives a signal while it is deleted, where Python ignores exceptions."""

    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
        sum(range(1000))


def _lose_an_interrupt():
    Interrupted()
    time.sleep(60)


def test_an_interrupt_that_python_ignores_is_repeated_and_leaves_no_traceback(capsys):
    ending = EndingSignals()
    ending.catch()
    with pytest.raises(KeyboardInterrupt):
        _lose_an_interrupt()
    assert ending.received == signal.SIGTERM
    assert capsys.readouterr().err == ""
