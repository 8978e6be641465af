"""Enriched events of Snowplow: 131 columns between tabs, without a header, in the order of its documentation.

Times are UTC. The name of a self-describing event is that of its schema, of a structured event its action, of any
other its type. Contexts and self-describing events stay as they are, as JSON text, like all other columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import compress

from growth_assets.sources.format import Context, TextFormat, share_of
from growth_assets.sources.reasons import Reason
from growth_assets.sources.records import RecordLines
from growth_assets.sources.said import Leaves
from growth_assets.sources.tracked import ISO_UTC, Tracker

COLUMNS = tuple(
    """
    app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id
    name_tracker v_tracker v_collector v_etl
    user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid
    geo_country geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name
    ip_isp ip_organization ip_domain ip_netspeed
    page_url page_title page_referrer
    page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery page_urlfragment
    refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment
    refr_medium refr_source refr_term
    mkt_medium mkt_source mkt_term mkt_content mkt_campaign
    contexts
    se_category se_action se_label se_property se_value
    unstruct_event
    tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state tr_country
    ti_orderid ti_sku ti_name ti_category ti_price ti_quantity
    pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max
    useragent br_name br_family br_version br_type br_renderengine br_lang
    br_features_pdf br_features_flash br_features_java br_features_director br_features_quicktime
    br_features_realplayer br_features_windowsmedia br_features_gears br_features_silverlight
    br_cookies br_colordepth br_viewwidth br_viewheight
    os_name os_family os_manufacturer os_timezone
    dvce_type dvce_ismobile dvce_screenwidth dvce_screenheight
    doc_charset doc_width doc_height
    tr_currency tr_total_base tr_tax_base tr_shipping_base ti_currency ti_price_base base_currency
    geo_timezone mkt_clickid mkt_network etl_tags
    dvce_sent_tstamp refr_domain_userid refr_device_tstamp
    derived_contexts domain_sessionid derived_tstamp
    event_vendor event_name event_format event_version event_fingerprint true_tstamp
    """.split()  # noqa: SIM905 - 131 quoted strings would be a page
)
_COLLECTED = COLUMNS.index("collector_tstamp")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?")

TRACKER = Tracker(
    time=("true_tstamp", "derived_tstamp", "collector_tstamp"),
    name=("event",),
    named_by={"unstruct": "event_name", "struct": "se_action"},
    kind="event_type",
    times=ISO_UTC,
    event_id=("event_id",),
    hostname=("page_urlhost",),
    url=("page_url",),
    referrer=("page_referrer",),
    ip=("user_ipaddress",),
    user_agent=("useragent",),
    user_id=("user_id",),
    anonymous_id=("domain_userid", "network_userid", "user_fingerprint"),
    country=("geo_country",),
    url_parts=(
        "page_urlscheme", "page_urlhost", "page_urlpath", "page_urlquery", "page_urlfragment",
        "refr_urlscheme", "refr_urlhost", "refr_urlpath", "refr_urlquery", "refr_urlfragment",
    ),
)  # fmt: skip


def _parser(context: Context) -> RecordLines:
    return RecordLines(TRACKER, _found, context)


def _found(line: str) -> Leaves | Reason:
    texts = line.split("\t")
    if len(texts) != len(COLUMNS):
        return Reason.WRONG_FIELD_COUNT
    # An empty column is null to Snowplow.
    return list(compress(COLUMNS, texts)), list(filter(None, texts))


def _is_event(line: str) -> bool:
    texts = line.rstrip("\r\n").split("\t")
    return len(texts) == len(COLUMNS) and _TIME.fullmatch(texts[_COLLECTED]) is not None


def _share(lines: Sequence[str]) -> float:
    return share_of(lines, _is_event)


FORMAT = TextFormat(
    "snowplow", _share, _parser, f"{len(COLUMNS)} columns between tabs, the fourth being collector_tstamp"
)
