"""What an event says beyond its own words: country, device, bot, visitor, where the visitor came from.

One file an enrichment. Each takes Polars series as received (any length, nulls, repeats, text from the web
that nobody vouches for) and gives series of the same length. Knows no table and no wire format.
"""
