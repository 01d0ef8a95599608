"""Storage of results on disk: table schemas, Parquet files and provenance."""
