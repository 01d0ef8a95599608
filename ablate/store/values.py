"""Checks of stored values that have the type of their column and can still be wrong."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from ablate.store.schema import REAL, WHOLE
from ablate.store.status import STATUSES


def wrong_value(arrow: pa.Table, keys: Collection[str]) -> str | None:
    """Returns a text that says which value of a table is wrong, or None if no value is wrong.

    No two rows may have the same values in all columns of `keys`. Only optional real numbers, such as scores, may be
    infinite. Integers must not be negative, a status must be one of `STATUSES`, and no required value may be missing.
    """
    for field in arrow.schema:
        column = arrow[field.name]
        if column.null_count and not field.nullable:
            return f"{field.name} is missing in {column.null_count} of {len(column)} rows"
        if field.type == WHOLE and pc.any(pc.less(column, 0)).as_py():
            return f"{field.name} is negative"
        if (
            field.type == REAL
            and not field.nullable
            and not pc.all(pc.is_finite(column)).as_py()
            and len(column)
        ):
            return f"{field.name} is not finite"
        if field.name == "status" and not set(column.unique().to_pylist()) <= set(STATUSES):
            return f"a status is none of {', '.join(STATUSES)}"
    if set(keys) <= set(arrow.column_names) and has_repeated_keys(arrow, keys):
        return f"two rows have the same {', '.join(keys)}"
    return None


def has_repeated_keys(arrow: pa.Table, keys: Collection[str]) -> bool:
    """Returns whether two rows of a table have the same values in all columns of `keys`."""
    # `Table.group_by` and `pa.array` of a list import pandas, which takes longer than all of `ablate plan`.
    combined = None
    for key in keys:
        column = arrow[key].combine_chunks().dictionary_encode()
        codes = column.indices.cast(pa.int64())
        if combined is not None:
            codes = pc.add(pc.multiply(combined, len(column.dictionary)), codes)
        combined = codes.dictionary_encode().indices.cast(pa.int64())
    return combined is not None and len(combined.unique()) < len(arrow)
