"""Standard logs of AWS CloudFront: tabs between the fields, and all that is not plain is URL-encoded.

The host is that of the viewer's request (x-host-header), else the distribution's. The request id tells two
deliveries of one line from two requests.
"""

from __future__ import annotations

from growth_assets.sources import w3c
from growth_assets.sources.escapes import url_decoded
from growth_assets.sources.format import TextFormat


def _agent(text: str) -> str:
    sent = url_decoded(text)
    # Spaces were encoded twice in files of the first years.
    return url_decoded(sent) if "%20" in sent and " " not in sent else sent


DIALECT = w3c.Dialect(
    separator="\t",
    names={"time-taken": "request_time", "x-host-header": "host"},
    decoders={
        "args": url_decoded,
        "http_cookie": url_decoded,
        "http_referer": url_decoded,
        "http_user_agent": _agent,
        "http_x_forwarded_for": url_decoded,
        "uri": url_decoded,
    },
)

FORMAT = TextFormat(
    "cloudfront",
    lambda lines: w3c.share(lines, DIALECT, "x_edge_location"),
    lambda context: w3c.W3cParser(DIALECT, context),
    "a #Fields line with date, time and x-edge-location, and lines with so many fields and tabs between",
)
