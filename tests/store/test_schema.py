from ablate.store.schema import KEYS, REAL, STEP_COSTS, TABLES, TEXT, TRUTH, WHOLE


def test_every_table_has_a_key_of_its_own_columns_none_of_which_may_be_null() -> None:
    assert set(KEYS) == set(TABLES)
    for table, key in KEYS.items():
        assert key[0] == "run_id"
        assert not any(TABLES[table].field(name).nullable for name in key)


def test_columns_are_text_numbers_or_truth_values() -> None:
    types = {field.type for schema in (*TABLES.values(), STEP_COSTS) for field in schema}
    assert types == {TEXT, WHOLE, REAL, TRUTH}


def test_what_every_run_has_is_never_null_and_what_only_some_have_may_be() -> None:
    runs = TABLES["runs"]
    assert not any(
        runs.field(name).nullable for name in ("run_id", "activation", "epochs", "status", "steps")
    )
    assert all(
        runs.field(name).nullable for name in ("parameters", "failed_step", "val_loss", "aulc", "device")
    )
