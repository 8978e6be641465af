"""Where the tables' pure functions run. Knows contracts and the warehouse, but no table by name.

Only here PySpark is known, and only where a cluster is asked for: it need not be installed.
"""
