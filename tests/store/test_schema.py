import pyarrow as pa

from ablate.store.schema import KEYS, NULLABLE, TABLES, TIMING_COLUMNS


def test_every_table_has_a_key_of_its_own_columns_none_of_which_may_be_null() -> None:
    assert set(KEYS) == set(TABLES)
    for table, key in KEYS.items():
        assert key[0] == "run_id"
        assert set(key) <= set(TABLES[table].names)
        assert not set(key) & NULLABLE


def test_nullable_and_timing_columns_exist() -> None:
    names = {name for schema in TABLES.values() for name in schema.names}
    assert names >= NULLABLE
    assert names >= set(TIMING_COLUMNS)


def test_columns_are_text_numbers_or_truth_values() -> None:
    assert {field.type for schema in TABLES.values() for field in schema} == {
        pa.string(),
        pa.int64(),
        pa.float64(),
        pa.bool_(),
    }
