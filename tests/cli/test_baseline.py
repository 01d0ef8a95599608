"""`ablate baseline`: one file of a results folder."""

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
