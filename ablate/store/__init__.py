"""Storage of results on disk: columns, Parquet parts and provenance."""
