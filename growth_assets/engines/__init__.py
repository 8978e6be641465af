"""Where the tables' pure functions run. Knows contracts and the warehouse, but no table by name."""
