"""The log formats that Apache and nginx come with: common, combined, and combined after a virtual host."""

from __future__ import annotations

from growth_assets.log_format import apache
from growth_assets.sources.access_log import text_format

_COMMON = r"%h %l %u %t \"%r\" %>s %b"
_COMBINED = _COMMON + r" \"%{Referer}i\" \"%{User-Agent}i\""

COMMON = text_format("common", apache.layout(_COMMON), 'IP ident user [time] "request" status bytes')
COMBINED = text_format("combined", apache.layout(_COMBINED), 'the same and "referrer" "user agent"')
VHOST_COMBINED = text_format(
    "vhost_combined", apache.layout("%v " + _COMBINED), "host:port (or host) before a combined line"
)
