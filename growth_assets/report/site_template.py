"""The commented `site.toml` that `growth-assets init` writes, and the short one of a demo world."""

from __future__ import annotations

import json
from collections.abc import Sequence

from growth_assets.settings import BUILT_IN_ACTIONS, Alerts, Freshness, Guardrails, Sensor, Settings, Spark

TEMPLATE = """\
# Settings of this site. Lines that begin with # show the default or an example.
# A variable GROWTH_<KEY> overrides a key, such as GROWTH_SALT for salt.

# Your sites. Links between them are internal traffic; the first one is the host of log files that name none.
hostnames = {hostnames}

# Where files arrive and where the tables are: folders, relative to this file's, or on an object store, s3://bucket/prefix,
# gs:// or az://, landing also on HDFS, webhdfs://namenode:9870/folder. Credentials, region and endpoint come from the
# store's usual environment variables alone.
# landing = "landing"
# warehouse = "warehouse"

# Where the tables are built: "local", on this machine, or "spark", by a cluster, to the same rows. Then the warehouse
# is a folder that all of its machines reach at the same path, and growth_assets is installed on each.
# engine = "local"

# Who answers for the tables, shown with each in Dagster: teams, or e-mail addresses.
# owners = {owners}

# The first daily partition (UTC); events before it are put aside in raw.quarantined_events. Default: the oldest day
# that has landed, but not before 2000-01-01.
# first_day = 2026-01-01

# Events further ahead than this when their file is read are put aside too: their clock is wrong.
# future_tolerance_hours = {future_tolerance_hours}

# A secret in front of the visitor key, so that nobody can trace visitor ids back to addresses by trying them all.
# Better set it as GROWTH_SALT than here. Changing it gives every visitor a new id: build all days again.
# salt = ""

# What visitors can do; events that name another action are put aside in raw.quarantined_events.
# actions = {actions}

# Which of these count as a website hit.
# hit_actions = {hit_actions}

# Your own GeoLite2, GeoIP2 or DB-IP file, for countries or cities, relative to this file's folder.
# Default: the database in the package, made from the registries' delegations.
# country_database = "GeoLite2-Country.mmdb"

# Addresses and networks of your own proxies: what they say of who came before them (X-Forwarded-For) is believed.
# Name the networks of your CDN here, beside these. Everybody else's word may be forged.
# trusted_proxies = {trusted_proxies}

# A day of which a larger share of rows breaks one rule is not published, and its check fails.
# max_quarantined_share = {max_quarantined_share}

# A file that was changed within so many seconds may still be written: a half last line waits for its other half.
# settle_seconds = {settle_seconds}

# The least number of events of a day.
# min_total_events = {min_total_events}

# Days that are not like others, such as holidays: they are not judged, and no day is compared with them.
# days_off = ["2026-12-25", "2027-01-01"]

# A guardrail that fell by less than this share of its usual value is no breach, however sure the fall is.
# [guardrails]
{guardrails}

# By when (UTC) yesterday has to be there, in the guardrails and in the other metrics; how many hours before its
# midnight a day has to have an event; after how many hours without a materialization the other metrics warn and fail.
# [freshness]
{freshness}

# The landing sensor under `growth-assets ui`: whether it runs from the start, how often it looks, how many days it asks
# for at once, and how many of its runs may be queued or under way.
# [sensor]
{sensor}

# The alert sensor under `growth-assets ui`: whether it runs from the start, how often it looks, the least severity that
# is told (WARN or ERROR), after how many days a bad day is history, from how many days on a run is a backfill (both are
# told in one summary a run), and where Dagster's pages are (without it, where `growth-assets ui` serves them). Alerts
# are kept in ops.alerts; the channels that they go to as well are Apprise URLs in the variable GROWTH_ALERT_URLS, apart
# by blanks.
# [alerts]
{alerts}

# The cluster of engine "spark", by its master or, in place of that, by a Spark Connect server; about how many events a
# task takes; and any settings of Spark's own, their names in quotes.
# [spark]
# master = "spark://host:7077"   # or yarn, k8s://https://host:443; or remote = "sc://host:15002" in its place
# events_a_task = {events_a_task}
# large_days_at_once = {large_days_at_once}   # of several tasks each
# catalogue = "growth"   # a database of the cluster's own catalogue, where the tables of events are then found too
# [spark.conf]
# "spark.executor.memory" = "4g"

# Which files in landing/ belong together. Without a [[sources]] all files are taken for what they look like:
# NDJSON, CSV or Parquet with native events, combined, vhost_combined or common access logs, logs of AWS (alb, elb,
# cloudfront, s3_access), iis or haproxy, JSON logs or events of trackers; plain or packed.
# [[sources]]
# name = "shop"
# files = "shop/*.log*"          # below landing/; a file belongs to the first source that matches
# format = "auto"                # or ndjson, csv, parquet, combined, vhost_combined, common, log_format,
#                                # alb, elb, cloudfront, s3_access, iis, haproxy, nginx_json, caddy, traefik,
#                                # segment, snowplow, ga4, posthog, plausible
# log_format = '%h %l %u %t "%r" %>s %b %D'  # any LogFormat of Apache or log_format of nginx, in single quotes
# hostname = "shop.example.com"  # host of events that name none
# encoding = "utf-8"             # bytes that do not fit are kept, visibly, as \\xNN
# utc_offset = "+00:00"          # of times that carry no offset; without it such lines are rejected

# Which action a request in an access log is, or an event of a tracker. The first match wins; after yours come the
# built-in rules: errors, POST /signup, POST /login, POST /bootcamp (purchase), static files, redirects, GET
# (page_view); and the usual names of trackers' events, all others being custom_event.
# Each of method, path (without query) and status is a regular expression for the whole value. A rule with `event`, one
# for the whole name in upper or lower case, is for tracked events alone, such as: event = "(trial|plan) started"
# [[action_rules]]
# action = "purchase"
# method = "POST"
# path = "/checkout/complete"
# status = "2..|3.."
"""


def site_toml(hostnames: Sequence[str]) -> str:
    """The file's text; `hostnames` are the site's own."""
    defaults = {name: each.default for name, each in Settings.model_fields.items()}
    freshness = Freshness()
    return TEMPLATE.format(
        hostnames=json.dumps(list(hostnames)),
        owners=json.dumps(list(defaults["owners"])),
        actions=json.dumps(list(BUILT_IN_ACTIONS)),
        hit_actions=json.dumps(list(defaults["hit_actions"])),
        future_tolerance_hours=defaults["future_tolerance_hours"],
        trusted_proxies=json.dumps(list(defaults["trusted_proxies"])),
        max_quarantined_share=defaults["max_quarantined_share"],
        min_total_events=defaults["min_total_events"],
        settle_seconds=defaults["settle_seconds"],
        guardrails="\n".join(f"# {name} = {value:g}" for name, value in Guardrails().model_dump().items()),
        freshness="\n".join(f"# {name} = {json.dumps(value)}" for name, value in freshness.model_dump().items()),
        alerts="\n".join(f"# {name} = {json.dumps(value)}" for name, value in Alerts().model_dump().items()),
        events_a_task=Spark().events_a_task,
        large_days_at_once=Spark().large_days_at_once,
        sensor="\n".join(f"# {name} = {json.dumps(value)}" for name, value in Sensor().model_dump().items()),
    )


def demo_toml(hostnames: Sequence[str], file_format: str) -> str:
    """The file's text for a simulated world of these sites, whose files are of `file_format`."""
    text = (
        "# The demo world's site. Every setting with its meaning: `growth-assets init DIR` writes a commented file.\n"
        f"hostnames = {json.dumps(list(hostnames))}\n"
    )
    if file_format == "combined":
        text += "# These lines name no host: each host's files are a source.\n"
        for host in hostnames:
            name = host.replace(".", "_")
            text += (
                f'[[sources]]\nname = "{name}"\nfiles = "access-{host}-*"\nformat = "combined"\nhostname = "{host}"\n'
            )
    return text
