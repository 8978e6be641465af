"""A day of Segment calls, a day of GA4 and a day of a JSON log through landing and all tables."""

from __future__ import annotations

import json

SEGMENT_AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile Safari/604.1"


def call(kind, number, visitor, **more):
    """A call of one of a few visitors, each at an address of its own."""
    return {
        "type": kind,
        "messageId": f"m{number}",
        "anonymousId": f"anon-{visitor}",
        "userId": f"u_{visitor}" if visitor % 2 else None,
        "timestamp": f"2026-03-01T10:{number:02}:00.000Z",
        "context": {
            "ip": f"8.8.8.{visitor}",
            "userAgent": SEGMENT_AGENT,
            "page": {
                "url": f"https://www.xx.com/page/{number}?token=secret",
                "referrer": "https://www.linkedin.com/feed/",
                "search": "?token=secret",
            },
        },
        **more,
    }


CALLS = [
    *(call("page", number, number % 4) for number in range(8)),
    call("track", 8, 0, event="Signed Up"),
    call("track", 9, 1, event="signed up"),
    call("track", 10, 1, event="Order Completed", properties={"total": 49.50}),
    call("track", 11, 2, event="Trial Started"),
    call("identify", 12, 3, traits={"plan": "pro"}),
    call("page", 7, 3),  # delivered twice
]


def exported(number, name, visitor):
    return {
        "event_timestamp": str(1772445600000000 + number * 1_000_000),
        "event_name": name,
        "event_params": [{"key": "page_location", "value": {"string_value": "https://www.xx.com/"}}],
        "user_pseudo_id": visitor,
        "geo": {"country": "Germany"},
        "device": {"mobile_brand_name": "Samsung"},
    }


GA4 = [
    *(exported(number, "page_view", f"{number % 5}.1") for number in range(10)),
    exported(10, "sign_up", "1.1"),
    exported(11, "sign_up", "2.1"),
    exported(12, "purchase", "2.1"),
    exported(13, "session_start", "2.1"),
]


def jsonl(records):
    return "".join(json.dumps(each) + "\n" for each in records).encode()


def by(rows, *names, **where):
    return [
        tuple(row[name] for name in names) for row in rows if all(row[key] == value for key, value in where.items())
    ]


def test_signups_purchases_and_page_views_of_trackers_come_out_right(site):
    site.configure('[[action_rules]]\naction = "subscribe"\nevent = "trial .*"\n')
    site.put("segment.json", jsonl(CALLS) + b"{broken\n")
    site.put("ga4.json", jsonl(GA4))
    landed = site.land()
    assert landed.unreadable == []
    assert sorted((entry.format, entry.lines, entry.events, entry.rejected) for entry in landed.read) == [
        ("ga4", 14, 14, 0),
        ("segment", 15, 14, 1),
    ]
    site.build()
    fct = site.rows("core.fct_website_events")
    first = [row for row in fct if row["ds"] == "2026-03-01"]
    counts: dict[str, int] = {}
    for row in first:
        counts[row["dim_action_type"]] = counts.get(row["dim_action_type"], 0) + 1
    assert counts == {"page_view": 8, "signup": 2, "purchase": 1, "subscribe": 1, "custom_event": 1}
    assert {row["user_id"] for row in fct} == {None}
    assert {row["dim_source"] for row in first} == {"LinkedIn"}
    (purchase,) = [dict(row["other_properties"]) for row in first if row["dim_action_type"] == "purchase"]
    assert purchase == {
        "event": "Order Completed", "user_id": "u_1", "anonymous_id": "anon-1", "total": "49.5", "type": "track",
    }  # fmt: skip
    signups = site.rows("metrics.signup_conversion_rate")
    purchases = site.rows("metrics.purchase_conversion_rate")
    assert by(signups, "m_signups", "m_website_hits", ds="2026-03-01", dim_hostname="www.xx.com") == [(2, 8)]
    assert by(signups, "m_signups", "m_website_hits", ds="2026-03-02", dim_hostname="www.xx.com") == [(2, 10)]
    assert by(purchases, "m_purchases", "m_signups", ds="2026-03-02", dim_hostname="www.xx.com") == [(1, 2)]
    visitors = {
        ds: {row["logged_out_user_id"] for row in fct if row["ds"] == ds} for ds in ("2026-03-01", "2026-03-02")
    }
    assert {ds: len(each) for ds, each in visitors.items()} == {"2026-03-01": 4, "2026-03-02": 5}
    told = {(row["dim_country"], row["dim_device_brand"]) for row in fct if row["ds"] == "2026-03-02"}
    assert told == {("DE", "Samsung")}
    assert not any(private in str(fct) for private in ("8.8.8.", "iPhone OS", "secret"))
