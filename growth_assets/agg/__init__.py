"""The aggregated tables and how they roll up. One file a table."""
