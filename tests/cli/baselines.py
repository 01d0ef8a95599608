"""A grid that the gate judges, and baseline files changed by hand."""

import pyarrow.parquet as pq

GRID = ["--activation", "relu,tanh", "--norm", "off", "--dropout", "0", "--epochs", "3", "--executor", "fake"]


def changed_baseline(source, target, change):
    """Writes a baseline file again with its frame changed."""
    table = pq.read_table(source)
    frame = change(table.to_pandas())
    pq.write_table(table.from_pandas(frame, schema=table.schema, preserve_index=False), target)
    return target


def worse(frame, loss=0.1):
    return frame.assign(val_accuracy=frame["val_accuracy"] - loss)
