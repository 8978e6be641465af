"""Partitions on disk, their provenance and locks, and the DuckDB catalogue. Knows contracts, but no table by name."""
