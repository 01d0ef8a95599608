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
