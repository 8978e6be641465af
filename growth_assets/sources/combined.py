"""The log formats that Apache and nginx come with: common, combined, and combined after a virtual host."""

from __future__ import annotations

from growth_assets.sources.access_log import LogLayout

_COMMON = ("ip", "ident", "user", "time", "request", "status", "bytes")

COMMON = LogLayout("common", _COMMON, 'IP ident user [time] "request" status bytes').format
COMBINED = LogLayout("combined", (*_COMMON, "referrer", "user_agent"), 'the same and "referrer" "user agent"').format
VHOST_COMBINED = LogLayout(
    "vhost_combined",
    ("vhost", *_COMMON, "referrer", "user_agent"),
    "host:port (or host) before a combined line",
).format
