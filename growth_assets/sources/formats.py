"""The formats there are.

A new one is a file with its `TextFormat`, its line here, and its name in `settings.Source.format`.
"""

from __future__ import annotations

from growth_assets.sources import combined, custom_log, delimited, ndjson
from growth_assets.sources.format import TextFormat

PARQUET = "parquet"
"""The one format that is not made of lines."""

TEXT_FORMATS: dict[str, TextFormat] = {
    each.name: each
    for each in (
        ndjson.FORMAT,
        delimited.FORMAT,
        combined.VHOST_COMBINED,
        combined.COMBINED,
        combined.COMMON,
        custom_log.FORMAT,
    )
}
"""By name; where two fit a file equally well, the first wins."""
