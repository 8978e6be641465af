"""The formats there are.

A new one is a file with its `TextFormat`, its line here, and its name in `settings.Source.format`.
"""

from __future__ import annotations

from growth_assets.sources import (
    alb,
    caddy,
    cloudfront,
    combined,
    custom_log,
    delimited,
    elb,
    ga4,
    haproxy,
    iis,
    ndjson,
    nginx_json,
    plausible,
    posthog,
    s3_access,
    segment,
    snowplow,
    traefik,
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
        caddy.FORMAT,
        traefik.FORMAT,
        nginx_json.FORMAT,
        segment.FORMAT,
        snowplow.FORMAT,
        ga4.FORMAT,
        posthog.FORMAT,
        plausible.FORMAT,
    )
}
"""By name; where two fit a file equally well, the first wins."""
