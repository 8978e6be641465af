"""Server access logs of AWS S3 buckets. A bucket is no host: that is in the host header, where it is logged.

What S3 does by itself, such as a lifecycle rule, or as part of a larger request, has no request line, referrer and user
agent of its own: a dash stands there, without the quotes.
"""

from __future__ import annotations

import dataclasses

from growth_assets.log_format import nginx
from growth_assets.sources.access_log import text_format

_ALWAYS = (
    "$bucket_owner $bucket [$time_local] $remote_addr $requester $request_id $operation $key "
    '"$request" $status $error_code $bytes_sent $object_size $total_time $turn_around_time '
    '"$http_referer" "$http_user_agent" $version_id'
)
_LATER = (
    " $host_id",
    " $signature_version",
    " $ssl_cipher",
    " $authentication_type",
    " $host",
    " $ssl_protocol",
    " $access_point_arn",
    " $acl_required",
)

FORMAT = text_format(
    "s3_access",
    dataclasses.replace(nginx.layout(_ALWAYS, tails=_LATER), bare_dashes=True),
    'owner bucket [time] IP requester id operation key "request" status error sizes times "referrer" "user agent" ...',
)
