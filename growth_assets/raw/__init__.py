"""The raw tables: what was received, as received. One file a table."""
