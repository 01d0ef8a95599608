"""`ablate baseline`: one file of a results folder."""

import os
from pathlib import Path


def test_a_baseline_is_written_and_says_what_it_holds(ablate, stored):
    code, out, err = ablate("baseline", "old", "-o", "again.parquet", "--target", "0.8")
    assert (code, out) == (0, "")
    size = f"{len(Path('again.parquet').read_bytes()) / 1024:.0f} KiB"
    assert err == f"SIMULATED Wrote again.parquet: 12 runs, target 80.0% validation accuracy, {size}.\n"
    assert Path("again.parquet").read_bytes() == Path("base.parquet").read_bytes()


def test_a_baseline_is_not_made_from_a_baseline(ablate, stored):
    code, _, err = ablate("baseline", "base.parquet", "-o", "x.parquet")
    assert code == 2
    assert "RESULTS: 'base.parquet' is a file; give the results folder" in err
    assert not Path("x.parquet").exists()


def test_a_link_to_a_baseline_stays_and_a_pipe_is_not_replaced(ablate, stored):
    content = Path("base.parquet").read_bytes()
    Path("base.parquet").write_bytes(b"old")
    Path("link").symlink_to("base.parquet")
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    for place in ("link", "pipe"):
        before = os.lstat(place)
        code, _, err = ablate("baseline", "old", "-o", place, "--target", "0.8")
        assert code == 0
        assert f"{len(content) / 1024:.0f} KiB" in err
        assert os.path.samestat(os.lstat(place), before)
    assert Path("base.parquet").read_bytes() == os.read(reader, 1 << 20) == content
    os.close(reader)


def test_a_baseline_that_cannot_be_written_is_a_sentence_with_the_reason(ablate, stored):
    Path("loop").symlink_to("loop")
    for place, cause in (("old", "Is a directory"), ("loop", "Too many levels of symbolic links")):
        code, _, err = ablate("baseline", "old", "-o", place)
        assert (code, err.count("\n")) == (2, 1)
        assert f"-o/--output: '{place}' cannot be written ({cause})" in err
