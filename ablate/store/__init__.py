"""Results on disk: columns, Parquet parts, provenance."""
