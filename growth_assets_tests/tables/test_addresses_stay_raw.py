"""Addresses in the fact table: whose visitor and country an event has, and that none is left in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.fct.website_events import TABLE
from growth_assets.settings import Source
from growth_assets.sources.reader import read
from growth_assets.warehouse.versions import code_version
from growth_assets_tests.sources import web_log_samples
from growth_assets_tests.tables.days import build_fct, event, site
from growth_assets_tests.tables.plain_fct import visitor

HEADER = "X-Forwarded-For"


def facts(rows, settings=None):
    built = build_fct([event(**{"event_id": str(number), **row}) for number, row in enumerate(rows)], settings)
    assert built.beside["raw.quarantined_events"].height == 0
    return built.frame.sort("event_id").to_dicts()


def test_visitor_and_country_are_those_of_the_client():
    direct, forwarded, listed, mapped, forged = facts([
        {"ip": "8.8.8.8"},
        {"ip": "10.0.0.1", "forwarded_for": "1.1.1.1, 8.8.8.8, 192.168.0.1"},
        {"ip": "8.8.8.8, 10.0.0.1"},
        {"ip": "::ffff:8.8.8.8"},
        {"ip": "8.8.8.8", "forwarded_for": "1.1.1.1"},
    ])  # fmt: skip
    assert direct["logged_out_user_id"] == visitor(event(ip="8.8.8.8"))
    assert direct["dim_country"] == "US"
    for row in (forwarded, listed, mapped, forged):
        assert (row["logged_out_user_id"], row["dim_country"]) == (direct["logged_out_user_id"], "US")


def test_trusted_proxies_decide_and_are_part_of_the_version():
    row = {"ip": "9.9.9.9", "forwarded_for": "1.1.1.1"}
    (distrusted,), (trusted,) = facts([row]), facts([row], site(trusted_proxies=("9.9.9.9/32",)))
    assert distrusted["logged_out_user_id"] == visitor(event(ip="9.9.9.9"))
    assert trusted["logged_out_user_id"] == visitor(event(ip="1.1.1.1"))
    assert code_version(TABLE, site()) != code_version(TABLE, site(trusted_proxies=("9.9.9.9/32",)))


@pytest.mark.parametrize("ip", [None, "", "-", "unknown"])
def test_nobody_is_put_aside(ip):
    built = build_fct([event(ip=ip), event(ip=ip, forwarded_for="unknown")])
    assert built.frame.is_empty()
    assert built.beside["raw.quarantined_events"]["rule"].to_list() == ["not_null_logged_out_user_id"] * 2


def test_a_tracked_event_of_nobody_takes_the_tracker_s_id_whatever_was_written_for_its_address():
    said = {"anonymous_id": "a-1", "geo_country": "de"}
    own = {"action_type": None, "event_name": "page", "ip": None, "other_properties": said}
    absent, unknown, known = facts([own, {**own, "ip": "unknown"}, {**own, "ip": "-", "forwarded_for": "8.8.8.8"}])
    assert absent["logged_out_user_id"] == unknown["logged_out_user_id"] != known["logged_out_user_id"]
    assert [each["dim_country"] for each in (absent, unknown, known)] == ["DE", "DE", "US"]


PRIVATE = (
    "ip", "IP", "ip#2", "$ip", "client_ip", "clientIp", "client-ip", "remote_addr", "remote_host", "peer_address",
    "x_real_ip", HEADER, "x_forwarded_for", "http_x_forwarded_for", "proxy_add_x_forwarded_for", "forwarded",
    "http_forwarded", "forwarded_for", "cf-connecting-ip", "True-Client-IP", "ip_address", "context_ip", "user_ip",
    "request.remote_ip", "request.headers.X-Real-Ip", "request_X-Forwarded-For", "request_ip", "ClientAddr",
    "ClientHost", "$raw_user_agent", "$initial_ip", "$set.$ip", "$set_once.$initial_raw_user_agent",
    "context.userAgent", "user_agent", "userAgent", "http_user_agent", "User-Agent",
    "env_remote_addr", "note_client_ip", "captured_headers", "further_fields",
)  # fmt: skip
OPEN = (
    "zip",
    "trip",
    "tip",
    "ship_to",
    "description",
    "script",
    "server_port",
    "host",
    "referrer",
    "agent_id",
    "shipping",
)


def test_properties_with_the_name_of_an_address_stay_in_the_raw_layer():
    held = dict.fromkeys((*PRIVATE, *OPEN), "198.51.100.77")
    (row,) = facts([{"other_properties": held}])
    assert dict(row["other_properties"]) == dict.fromkeys(OPEN, "198.51.100.77")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(PRIVATE[:9] + OPEN[:4]), st.none() | st.just("v"), max_size=5) | st.none(),
        min_size=1,
        max_size=6,
    )
)
def test_all_other_properties_come_through_in_their_order(maps):
    found = facts([{"other_properties": each} for each in maps])
    wanted = [[(name, value) for name, value in (each or {}).items() if name not in PRIVATE] for each in maps]
    assert [list(row["other_properties"].items()) for row in found] == wanted


@pytest.mark.parametrize("name", sorted(web_log_samples.LINES))
def test_no_address_or_agent_of_any_log_reaches_the_fact_table(tmp_path, name):
    log = tmp_path / "log"
    log.write_text(web_log_samples.HEADS.get(name, "") + "\n".join(web_log_samples.LINES[name]))
    (batch,) = read(log, Source(name="log", format=name, utc_offset="+00:00"), "www.xx.com")
    rows = batch.events.drop("line_number").to_dicts()
    assert rows
    secrets = {row[column] for row in rows for column in ("ip", "forwarded_for", "user_agent")} - {None, "-"}
    built = build_fct([event(**row) for row in rows])
    text = json.dumps(built.frame.to_dicts(), default=str, ensure_ascii=False)
    assert built.frame.height > 0
    assert built.beside["raw.quarantined_events"]["ip"].is_null().all(), "what a store does by itself is nobody's"
    assert not [secret for secret in (*secrets, "Mozilla/5.0 (X)") if secret in text]


def test_no_address_of_a_proxy_log_reaches_the_fact_table():
    addresses = ["8.8.8.8", "198.51.100.77", "10.0.0.1"]
    others = {"proxy_add_x_forwarded_for": ", ".join(addresses), "peer_address": addresses[2]}
    rows = [{"ip": addresses[2], "forwarded_for": ", ".join(addresses[:2]), "other_properties": others}]
    text = json.dumps(facts(rows), default=str)
    assert not [each for each in addresses if each in text]
