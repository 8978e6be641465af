"""Access logs of AWS Application Load Balancers.

The host is the one in the request's URL, which the balancer puts together from the Host header. Of a request that it
could not understand the balancer logs the host alone, as in `"- http://www.example.com:80- -"`, or nothing, as in
`"- - - "`. AWS adds fields at the end from time to time: older files have fewer, and those that are not known yet are
kept together.
"""

from __future__ import annotations

from growth_assets.log_format import nginx
from growth_assets.sources.access_log import text_format
from growth_assets.sources.logged import Meaning

URL_HOST = r"^(?:- )?[a-z]+://(\[[^\]/]*\]|[^/:?#]+)"
"""The host of an absolute URL, or of a request line without a method."""

_ALWAYS = (
    "$type $time_iso8601 $elb $client_and_port $target_address $request_processing_time $target_processing_time "
    '$response_processing_time $status $target_status_code $request_length $bytes_sent "$request" '
    '"$http_user_agent" $ssl_cipher $ssl_protocol $target_group_arn "$trace_id"'
)
_LATER = (
    ' "$domain_name"',
    ' "$chosen_cert_arn"',
    " $matched_rule_priority",
    " $request_creation_time",
    ' "$actions_executed"',
    ' "$redirect_url"',
    ' "$error_reason"',
    ' "$target_port_list"',
    ' "$target_status_code_list"',
    ' "$classification"',
    ' "$classification_reason"',
    " $conn_trace_id",
)

FORMAT = text_format(
    "alb",
    nginx.layout(_ALWAYS, tails=_LATER),
    'type time elb client:port target:port three times, two statuses, two sizes, "request" "user agent" ... "trace id"',
    Meaning(url_host=URL_HOST),
)
