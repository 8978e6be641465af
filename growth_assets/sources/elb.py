"""Access logs of AWS Classic Load Balancers; those of the first years end with the request."""

from __future__ import annotations

from growth_assets.log_format import nginx
from growth_assets.sources.access_log import text_format
from growth_assets.sources.alb import URL_HOST
from growth_assets.sources.logged import Meaning

_ALWAYS = (
    "$time_iso8601 $elb $client_and_port $backend $request_processing_time $backend_processing_time "
    '$response_processing_time $status $backend_status_code $request_length $bytes_sent "$request"'
)

FORMAT = text_format(
    "elb",
    nginx.layout(_ALWAYS, tails=(' "$http_user_agent"', " $ssl_cipher", " $ssl_protocol")),
    'time elb client:port backend:port three times, two statuses, two sizes, "request" "user agent" cipher protocol',
    Meaning(url_host=URL_HOST),
)
