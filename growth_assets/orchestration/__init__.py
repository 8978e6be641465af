"""Tables and landing as Dagster assets, and the runs that build them.

With `definitions` and `cli` this is all that knows Dagster.
"""
