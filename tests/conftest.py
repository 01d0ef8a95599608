import os
import signal
import sys
from pathlib import Path

# Processes that tests start import modules of `tests` too, in any working directory.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
)

# Before anything imports torch: tests train with the threads and modes that ablate trains with.
from ablate.training.backend import set_environment

set_environment()

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# How long an example takes says something of the machine, nothing of the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# Tests send signals to commands. Commands started under `nohup` or in the background of a script ignore some of them,
# and pytest and its children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _name in ("SIGTERM", "SIGHUP", "SIGQUIT"):
    if hasattr(signal, _name):
        signal.signal(getattr(signal, _name), signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in os.environ:
        if name.startswith("ABLATE_") or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "GITHUB_ACTIONS"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _multiplied_as_before():
    """Leaves the library that multiplies as torch has it, whatever a test has calibrated."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].backends.mkldnn.matmul.fp32_precision = "none"
