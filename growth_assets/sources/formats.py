"""The formats there are.

A new one is a file with its `TextFormat`, its line here, and its name in `settings.Source.format`.
"""

from __future__ import annotations

from growth_assets.sources import (
    alb,
    cloudfront,
    combined,
    custom_log,
    delimited,
    elb,
    haproxy,
    iis,
    ndjson,
    s3_access,
)
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
        alb.FORMAT,
        elb.FORMAT,
        cloudfront.FORMAT,
        s3_access.FORMAT,
        iis.FORMAT,
        haproxy.FORMAT,
    )
}
"""By name; where two fit a file equally well, the first wins."""
