"""Wrong values in stored tables, against a count of distinct rows in plain Python."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ablate.store.values import has_repeated_keys


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 3), st.integers(0, 1))))
def test_keys_are_repeated_if_there_are_fewer_distinct_rows_than_rows(rows):
    names = ("run_id", "step", "layer")
    types = (pa.string(), pa.int64(), pa.int64())
    columns = [[row[index] for row in rows] for index in range(3)]
    table = pa.table(dict(zip(names, map(pa.array, columns, types), strict=True)))
    for count in (1, 2, 3):
        distinct = {row[:count] for row in rows}
        assert has_repeated_keys(table, names[:count]) == (len(distinct) < len(rows))
