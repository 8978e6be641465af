"""Tracked events in the fact table: their actions, and visitors that came without an address."""

from __future__ import annotations

import json

import mmh3
import pytest

from growth_assets.enrich.country_names import CODES_BY_NAME, code_of_country
from growth_assets.enrich.iso_3166 import COUNTRY_CODES
from growth_assets.settings import ActionRule, Source
from growth_assets.sources.reader import read
from growth_assets_tests.sources.test_sources_json_logs import SAMPLES as JSON_LOGS
from growth_assets_tests.sources.tracker_samples import SAMPLES as TRACKERS
from growth_assets_tests.tables.days import IPHONE, at, build_fct, event, request, site


def tracked(name, **fields):
    """An event of a tracker, by its own name."""
    return event(**{"action_type": None, "event_name": name, "event_id": name, **fields})


NAMES = {
    # Segment and RudderStack
    "page": "page_view", "screen": "page_view", "Signed Up": "signup", "Signed In": "login", "Signed Out": "logout",
    "Order Completed": "purchase", "Completed Order": "purchase", "Products Searched": "search",
    "Product Clicked": "click", "Video Playback Started": "watch_video", "identify": "custom_event",
    "Product Added": "custom_event", "Order Refunded": "custom_event", "Checkout Started": "custom_event",
    # GA4
    "page_view": "page_view", "screen_view": "page_view", "sign_up": "signup", "login": "login",
    "purchase": "purchase", "in_app_purchase": "purchase", "video_start": "watch_video",
    "file_download": "download", "search": "search", "view_search_results": "search", "click": "click",
    "session_start": "custom_event", "video_progress": "custom_event", "refund": "custom_event",
    # PostHog
    "$pageview": "page_view", "$screen": "page_view", "user signed up": "signup", "user_logged_in": "login",
    "$pageleave": "custom_event", "$autocapture": "custom_event", "$identify": "custom_event",
    # Snowplow
    "page_ping": "custom_event", "transaction": "purchase", "transaction_item": "custom_event",
    "link_click": "click", "site_search": "search", "play_event": "watch_video",
    # Plausible
    "pageview": "page_view", "Signup": "signup", "Outbound Link: Click": "click", "File Download": "download",
    # Neither half a name nor more than a name.
    "page views": "custom_event", "signup failed": "custom_event", "no purchase": "custom_event",
    "Kauf\nabgeschlossen": "custom_event", " ": "custom_event",
}  # fmt: skip


def actions(rows, settings=None):
    built = build_fct(rows, settings)
    assert built.beside["raw.quarantined_events"].height == 0
    return dict(built.frame.select("event_id", "dim_action_type").iter_rows())


def test_standard_names_of_trackers_are_actions_and_no_name_is_lost():
    assert actions([tracked(name) for name in NAMES]) == NAMES


def test_case_says_nothing():
    assert actions([tracked(name.swapcase(), event_id=name) for name in NAMES]) == NAMES


def test_a_rule_with_event_is_for_tracked_events_and_one_without_for_logged_requests():
    rules = (
        ActionRule(action="purchase", event="pageview", path="/thank-you"),
        ActionRule(action="subscribe", path="/newsletter"),
        ActionRule(action="subscribe", event="Trial (started|begun)"),
    )
    rows = {
        "a": (tracked("pageview", url="https://www.xx.com/thank-you?order=7"), "purchase"),
        "b": (tracked("pageview", url="https://www.xx.com/thank-you/2"), "page_view"),
        "c": (tracked("pageview", url="https://www.xx.com/newsletter"), "page_view"),
        "d": (tracked("trial started"), "subscribe"),
        "e": (request("POST", "/newsletter", 200), "subscribe"),
        "f": (request("GET", "/thank-you", 200), "page_view"),
        "g": (tracked("trial started again"), "custom_event"),
        "h": (event(action_type="signup", event_name="pageview"), "signup"),
    }
    found = actions([{**row, "event_id": key} for key, (row, _) in rows.items()], site(action_rules=rules))
    assert found == {key: action for key, (_, action) in rows.items()}


def test_a_native_action_that_is_not_enumerated_is_put_aside_as_ever():
    built = build_fct([event(action_type="Order Completed"), tracked("x")])
    assert built.beside["raw.quarantined_events"]["rule"].to_list() == ["dim_action_type_enumerated"]


def visitors(rows, salt=""):
    frame = build_fct(rows, site(salt=salt)).frame
    return dict(frame.select("event_id", "logged_out_user_id").iter_rows())


def hashed(key):
    return mmh3.hash64(key.encode())[0]


def test_without_an_address_the_trackers_own_id_is_the_visitor():
    nobody = {"ip": None, "user_agent": None}
    rows = [
        tracked("a", **nobody, other_properties={"anonymous_id": "u1"}),
        tracked("b", **nobody, other_properties={"anonymous_id": "u2"}),
        tracked("c", ip="", user_agent=IPHONE, other_properties={"anonymous_id": "u1"}),
        tracked("d", ip="8.8.8.8", user_agent=IPHONE, other_properties={"anonymous_id": "u1"}),
        tracked("e", ip="8.8.8.8", user_agent=None, other_properties={"anonymous_id": "u1"}),
    ]
    assert visitors(rows, "salt") == {
        "a": hashed("salt||u1"),
        "b": hashed("salt||u2"),
        "c": hashed("salt||u1"),
        "d": hashed(f"salt|8.8.8.8|{IPHONE}"),
        "e": hashed("salt|8.8.8.8|"),
    }


@pytest.mark.parametrize(
    "row",
    [
        tracked("a", ip=None, user_agent=None),
        tracked("a", ip=None, user_agent=None, other_properties={"anonymous_id": ""}),
        event(ip=None, other_properties={"anonymous_id": "u1"}),
        tracked("a", ip="8.8.8.8|x", other_properties={"anonymous_id": "u1"}),
    ],
    ids=["no id", "empty id", "native event", "no address can hold the sign that parts the key"],
)
def test_who_is_nobody_is_put_aside(row):
    built = build_fct([row, event(event_timestamp=at("13:00:00"))])
    assert built.beside["raw.quarantined_events"]["rule"].to_list() == ["not_null_logged_out_user_id"]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("DE", "DE"), (" de ", "DE"), ("Germany", "DE"), ("türkiye", "TR"), ("Côte d\u2019Ivoire", "CI"),
        ("Bosnia & Herzegovina", "BA"), ("United States", "US"), ("(not set)", None), ("", None), ("ZZ", None),
    ],
)  # fmt: skip
def test_a_country_is_told_by_code_or_name(told, code):
    assert code_of_country(told) == code


def test_every_country_has_a_name():
    without = {"BV", "HM"}  # islands where nobody lives
    assert {code_of_country(name) for name in CODES_BY_NAME} == COUNTRY_CODES - without


LINES = {name: line for name, (line, _) in TRACKERS.items()} | {
    name: json.dumps(record) for name, (record, _) in JSON_LOGS.items()
}


@pytest.mark.parametrize("name", LINES)
def test_no_address_user_agent_or_query_of_a_sample_comes_into_the_fact_table(tmp_path, name):
    (tmp_path / "landed").write_text(LINES[name] + "\n", encoding="utf-8")
    (batch,) = read(tmp_path / "landed", Source(name="s"), None)
    built = build_fct(batch.events.to_dicts())
    assert built.beside["raw.quarantined_events"].height == 0
    told = str(built.frame.to_dicts())
    assert "www.xx.com" in told
    assert not any(private in told for private in ("198.51.100.9", "192.0.2.", "203.0.113.", "Mozilla", "plan=pro"))


def test_country_and_brand_are_the_trackers_where_there_is_nothing_to_tell_them_by():
    told = {"anonymous_id": "u", "geo_country": "de", "device_brand": "Samsung"}
    rows = {
        "a": (tracked("a", ip=None, user_agent=None, other_properties=told), ("DE", "Samsung")),
        "b": (tracked("b", ip=None, user_agent=IPHONE, other_properties=told), ("DE", "Apple")),
        "c": (tracked("c", user_agent=None, other_properties=told), ("US", "Samsung")),
        "d": (tracked("d", other_properties=told), ("US", "Apple")),
        "e": (tracked("e", ip=None, user_agent=None, other_properties={"anonymous_id": "v"}), ("ZZ", "unknown")),
        "f": (
            tracked("f", ip=None, other_properties={"anonymous_id": "v", "geo_country": "Atlantis"}),
            ("ZZ", "Apple"),
        ),
        "g": (event(event_id="g", user_agent=None, other_properties=told), ("US", "unknown")),
    }
    frame = build_fct([row for row, _ in rows.values()]).frame
    found = {row[0]: row[1:] for row in frame.select("event_id", "dim_country", "dim_device_brand").iter_rows()}
    assert found == {key: expected for key, (_, expected) in rows.items()}
    assert frame["other_properties"].dtype == build_fct([event()]).frame["other_properties"].dtype
