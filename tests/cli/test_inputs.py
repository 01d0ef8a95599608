"""Generated command lines and files: a few of the campaign that `tests.campaigns.inputs` runs in full."""

import pytest

from tests.campaigns.hostile_npz import read_hostile
from tests.campaigns.inputs import try_cases


@pytest.mark.filterwarnings("ignore")
def test_generated_command_lines_end_with_a_sentence_or_a_right_run():
    counts, faults = try_cases(range(240, 264), in_process_of_its_own=0)
    assert faults == []
    assert {"0", "2"} <= set(counts)


@pytest.mark.filterwarnings("ignore")
def test_hostile_npz_files_are_refused_or_read_rightly():
    read, refused, faults = read_hostile(range(1, 13))
    assert faults == []
    assert read > 0
    assert refused > 0


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("plan -o LONG", 0),
        ("run -o LONG", 2),
        ("merge LONG -o LONG", 2),
        ("merge stored -o LONG", 2),
        ("compare LONG stored", 2),
    ],
)
def test_a_name_that_is_too_long_for_the_system_is_no_bug(ablate, command, code):
    grid = ["--activation", "relu", "--seeds", "1", "--epochs", "1", "--executor", "fake"]
    if "stored" in command:
        assert ablate("run", *grid, "-o", "stored")[0] == 0
    arguments = ["9" * 5000 if word == "LONG" else word for word in command.split()]
    ended, _, err = ablate(*arguments, *(grid if arguments[0] in ("plan", "run") else []))
    assert ended == code
    assert not code or "File name too long" in err or "there is nothing at" in err
