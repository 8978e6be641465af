"""One event of each tracker as it writes them, and what each becomes, by hand; and lines that are broken."""

# ruff: noqa: DTZ001 - times are naive UTC

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from growth_assets.sources.snowplow import COLUMNS

AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile Safari/604.1"
AT = dt.datetime(2026, 3, 14, 10, 5, 3, 123_000)
PAGE = "https://www.xx.com/pricing?plan=pro"

SEGMENT: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "ajs-1",
    "anonymousId": "a-1",
    "userId": "u_123",
    "timestamp": "2026-03-14T10:05:03.123Z",
    "sentAt": "2026-03-14T10:05:04.000Z",
    "context": {
        "ip": "198.51.100.9",
        "userAgent": AGENT,
        "locale": "de-DE",
        "page": {
            "url": PAGE,
            "path": "/pricing",
            "search": "?plan=pro",
            "referrer": "https://lnkd.in/x",
            "title": "Pricing",
        },
        "library": {"name": "analytics.js", "version": "4.1.0"},
    },
    "properties": {"total": 49.50, "products": [{"sku": "s1", "price": 1.50}], "coupon": None, "sentAt": "never"},
    "integrations": {},
}
GA4: dict[str, Any] = {
    "event_date": "20260314",
    "event_timestamp": "1773482703123000",
    "event_name": "sign_up",
    "event_params": [
        {"key": "page_location", "value": {"string_value": PAGE}},
        {"key": "page_referrer", "value": {"string_value": "https://lnkd.in/x"}},
        {"key": "ga_session_id", "value": {"int_value": "1773482600"}},
        {"key": "score", "value": {"double_value": 1.5, "int_value": None}},
        {"key": "user_id", "value": {"string_value": "not the user"}},
    ],
    "user_properties": [
        {"key": "plan", "value": {"string_value": "pro", "set_timestamp_micros": "1773482000000000"}},
    ],
    "user_id": "42",
    "user_pseudo_id": "123.456",
    "device": {"category": "mobile", "mobile_brand_name": "Apple", "web_info": {"hostname": "other.xx.com"}},
    "geo": {"continent": "Europe", "country": "Germany"},
    "items": [],
}
POSTHOG: dict[str, Any] = {
    "uuid": "018e-1",
    "event": "$pageview",
    "distinct_id": "anna@example.com",
    "timestamp": "2026-03-14 10:05:03.123",
    "properties": {
        "$ip": "198.51.100.9",
        "$current_url": PAGE,
        "$pathname": "/pricing",
        "$host": "www.xx.com",
        "$referrer": "$direct",
        "$raw_user_agent": AGENT,
        "$device_id": "d-1",
        "$geoip_country_code": "DE",
        "$active_feature_flags": ["a", "b"],
        "$screen_height": 800,
    },
}
PLAUSIBLE: dict[str, Any] = {
    "name": "pageview",
    "url": PAGE,
    "domain": "xx.com",
    "referrer": "https://lnkd.in/x",
    "timestamp": "2026-03-14T10:05:03.123Z",
    "ip": "198.51.100.9",
    "user_agent": AGENT,
    "props": {"author": "anna"},
    "user_id": 12345678901234567890,
}
SNOWPLOW = {
    "app_id": "site",
    "platform": "web",
    "collector_tstamp": "2026-03-14 10:05:04.000",
    "derived_tstamp": "2026-03-14 10:05:03.123",
    "event": "struct",
    "event_id": "c6ef3124",
    "user_id": "7",
    "user_ipaddress": "198.51.100.9",
    "domain_userid": "bc2e92ec",
    "network_userid": "ecdff4d0",
    "geo_country": "DE",
    "page_url": PAGE,
    "page_referrer": "https://lnkd.in/x",
    "page_urlscheme": "https",
    "page_urlhost": "www.xx.com",
    "page_urlport": "443",
    "page_urlpath": "/pricing",
    "page_urlquery": "plan=pro",
    "contexts": '{"schema":"iglu:c","data":[1.50]}',
    "se_category": "media",
    "se_action": "Play video",
    "se_value": "1.50",
    "useragent": AGENT,
    "event_vendor": "com.google.analytics",
    "event_name": "event",
}


def tsv(columns: dict[str, str]) -> str:
    """A line of enriched events."""
    return "\t".join(columns.get(name, "") for name in COLUMNS)


def event(other: list[tuple[str, str]], **values: Any) -> dict[str, Any]:
    """A received event of one of the samples."""
    return {
        "event_id": None,
        "event_timestamp": AT,
        "subsecond_clock": True,
        "hostname": "www.xx.com",
        "action_type": None,
        "method": None,
        "url": PAGE,
        "status": None,
        "referrer": "https://lnkd.in/x",
        "ip": "198.51.100.9",
        "forwarded_for": None,
        "user_agent": AGENT,
        "user_id": None,
        "other_properties": other,
        "line_number": 1,
        **values,
    }


SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "segment": (
        json.dumps(SEGMENT),
        event(
            [
                ("event", "Order Completed"),
                ("type", "track"),
                ("user_id", "u_123"),
                ("anonymous_id", "a-1"),
                ("total", "49.5"),
                ("products", '[{"sku": "s1", "price": 1.5}]'),
                ("sentAt", "never"),
                ("context.library.name", "analytics.js"),
                ("context.library.version", "4.1.0"),
                ("context.locale", "de-DE"),
                ("context.page.title", "Pricing"),
                ("sentAt#2", "2026-03-14T10:05:04.000Z"),
            ],
            event_name="Order Completed",
            event_id="ajs-1",
        ),
    ),
    "ga4": (
        json.dumps(GA4),
        event(
            [
                ("event", "sign_up"),
                ("anonymous_id", "123.456"),
                ("geo_country", "Germany"),
                ("device_brand", "Apple"),
                ("ga_session_id", "1773482600"),
                ("score", "1.5"),
                ("user_id", "not the user"),
                ("device.category", "mobile"),
                ("device.web_info.hostname", "other.xx.com"),
                ("event_date", "20260314"),
                ("geo.continent", "Europe"),
                ("items", "[]"),
                ("user_properties.plan", "pro"),
                ("user_properties.plan.set_timestamp_micros", "1773482000000000"),
            ],
            event_name="sign_up",
            ip=None,
            user_agent=None,
            user_id="42",
        ),
    ),
    "posthog": (
        json.dumps(POSTHOG),
        event(
            [
                ("event", "$pageview"),
                ("anonymous_id", "d-1"),
                ("geo_country", "DE"),
                ("$host", "www.xx.com"),
                ("$active_feature_flags", '["a", "b"]'),
                ("$screen_height", "800"),
                ("distinct_id", "anna@example.com"),
            ],
            event_name="$pageview",
            event_id="018e-1",
            referrer="$direct",
        ),
    ),
    "plausible": (
        json.dumps(PLAUSIBLE),
        event(
            [
                ("event", "pageview"),
                ("anonymous_id", "12345678901234567890"),
                ("author", "anna"),
                ("domain", "xx.com"),
            ],
            event_name="pageview",
        ),
    ),
    "snowplow": (
        tsv(SNOWPLOW),
        event(
            [
                ("event", "Play video"),
                ("event_type", "struct"),
                ("anonymous_id", "bc2e92ec"),
                ("geo_country", "DE"),
                ("app_id", "site"),
                ("collector_tstamp", "2026-03-14 10:05:04.000"),
                ("contexts", '{"schema":"iglu:c","data":[1.50]}'),
                ("event_name", "event"),
                ("event_vendor", "com.google.analytics"),
                ("network_userid", "ecdff4d0"),
                ("page_urlport", "443"),
                ("platform", "web"),
                ("se_category", "media"),
                ("se_value", "1.50"),
            ],
            event_name="Play video",
            event_id="c6ef3124",
            user_id="7",
        ),
    ),
}

_NOT_JSON = [
    ("", "blank_line"),
    ("{", "not_json"),
    ('{"a": Infinity}', "not_json"),
    ("7", "not_an_object"),
    ("{}", "no_time"),
]
BROKEN: dict[str, list[tuple[str, str]]] = {
    "segment": [
        (json.dumps({**SEGMENT, "timestamp": "2026-03-14T10:05:03.123"}), "time_without_offset"),
        (json.dumps({**SEGMENT, "timestamp": 1773482703123}), "bad_time"),
        (json.dumps({**SEGMENT, "timestamp": None, "sentAt": ""}), "no_time"),
        *_NOT_JSON,
    ],
    "ga4": [
        (json.dumps({**GA4, "event_timestamp": "2026-03-14T10:05:03Z"}), "bad_time"),
        (json.dumps({**GA4, "event_timestamp": 1773482703.123}), "bad_time"),
        (json.dumps({**GA4, "event_timestamp": 10**18}), "bad_time"),
        (json.dumps({**GA4, "event_timestamp": None}), "no_time"),
        *_NOT_JSON,
    ],
    "posthog": [
        (json.dumps({**POSTHOG, "timestamp": "2026-13-14 10:05:03"}), "bad_time"),
        (json.dumps({**POSTHOG, "timestamp": ""}), "no_time"),
        *_NOT_JSON,
    ],
    "plausible": [
        (json.dumps({**PLAUSIBLE, "timestamp": "2026-03-14T10:05:03"}), "time_without_offset"),
        (json.dumps({**PLAUSIBLE, "timestamp": {"at": 1}}), "no_time"),
        *_NOT_JSON,
    ],
    "snowplow": [
        (tsv({**SNOWPLOW, "derived_tstamp": "2026-02-30 10:05:03.123"}), "bad_time"),
        (tsv({**SNOWPLOW, "derived_tstamp": "", "collector_tstamp": ""}), "no_time"),
        (tsv(SNOWPLOW) + "\t", "wrong_field_count"),
        (tsv(SNOWPLOW)[:-1], "wrong_field_count"),
        ("", "blank_line"),
        ("x", "wrong_field_count"),
    ],
}
