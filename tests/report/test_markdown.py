from itertools import product

from ablate.analysis.convergence import Target
from ablate.analysis.findings import find
from ablate.analysis.summary import summarize
from ablate.report.markdown import escaped, table, to_markdown
from ablate.report.sections import Column
from ablate.store.status import FAILED
from tests.made_up import frames, made


def markdown(*runs):
    summary = summarize(*frames(*runs), Target.parse("0.5"), None, "val_accuracy")
    return to_markdown(summary, find(summary))


def test_a_table_is_one_line_a_row_with_a_rule_below_its_head():
    columns = [Column("name", ["leaky_relu", "a|b"]), Column("final\nval %", ["97.2  ±0.4", "1"], right=True)]
    assert table(columns).splitlines() == [
        "| name | final val % |",
        "| :--- | ---: |",
        "| leaky\\_relu | 97.2 ±0.4 |",
        "| a\\|b | 1 |",
    ]


def test_what_markdown_would_take_for_a_sign_is_escaped():
    assert escaped("<b> *x* [y](z) `c` a_b\nd & e") == "&lt;b&gt; \\*x\\* \\[y\\](z) \\`c\\` a\\_b d &amp; e"


def test_a_report_has_findings_warnings_tables_and_all_variants_folded():
    runs = [
        made(*key[:2], seed=key[2], val=(0.1, 0.2, 0.5 + 0.1 * (key[1] == "batch") + 0.01 * key[2]))
        for key in product(("relu", "tanh"), ("off", "batch"), (0, 1))
    ]
    text = markdown(*runs, made("tanh", "batch", seed=2, status=FAILED))
    order = [
        "## digits (mlp): 9 runs, 4 variants, 3 seeds (0-2)",
        "- reference: relu norm=off dropout=0",
        "**Best by final validation accuracy** (margin 0.5 points)",
        "| term | share of variance | finding |",
        "> [!WARNING]\n> - 1 of 9 runs did not finish",
        "**By activation,",
        "**By norm,",
        "<details><summary>Variants, highest final val % first</summary>\n\n| activation | norm |",
        "</details>",
        "- tanh norm=batch dropout=0, seed 2: failed: the worker was killed",
    ]
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)


def test_a_clean_grid_of_one_factor_has_no_warning_and_no_table_by_level():
    text = markdown(*[made(name, seed=seed) for name in ("relu", "tanh") for seed in range(6)])
    assert "WARNING" not in text
    assert "**By" not in text
