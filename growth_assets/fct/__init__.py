"""The fact tables: one row an event, typed, enriched, each once. One file a table."""
