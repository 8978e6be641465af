"""core.fct_website_events on named days."""

from __future__ import annotations

import polars as pl
import pytest

from growth_assets.checks.verdict import verdicts
from growth_assets.enrich.country import CountryDatabase
from growth_assets.fct import website_events as fct
from growth_assets.settings import ActionRule
from growth_assets.tables import BY_NAME
from growth_assets_tests.tables.days import at, build_fct, event, raw_day, request, site
from growth_assets_tests.tables.scenarios import BROKEN, HOSTS, IDENTITIES, NAMED, REQUESTS, Broken, Identity

QUARANTINE = "raw.quarantined_events"


def put_aside(built) -> list[tuple[str, int]]:
    return built.beside[QUARANTINE].select("rule", "line_number").rows()


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_broken_row_is_put_aside_under_its_rule(case: Broken):
    good = event(event_timestamp=at("13:00:00"))
    built = build_fct([good, case.row])
    assert put_aside(built) == [(case.rule, 2)]
    assert built.frame["event_timestamp"].to_list() == [at("13:00:00")]
    counted = {name: number for name, number in built.numbers.items() if number}
    assert counted == {"received": 2, f"quarantined_{case.rule}": 1}


def test_all_broken_rows_of_a_day_are_put_aside_whole_and_in_order():
    received = raw_day([case.row for case in BROKEN])
    quarantined = build_fct([case.row for case in BROKEN]).beside[QUARANTINE]
    assert quarantined["rule"].to_list() == [case.rule for case in BROKEN]
    assert quarantined.drop("rule").equals(received)
    findings = BY_NAME[QUARANTINE].contract(site()).audit(quarantined)
    assert [finding for finding in findings if finding.broken] == []


def test_a_row_without_country_would_be_put_aside(monkeypatch):
    # No received row can do this: what has no country is ZZ. The rule guards against a change in the enrichment.
    monkeypatch.setattr(CountryDatabase, "countries", lambda _, addresses: pl.repeat(None, len(addresses), eager=True))
    built = build_fct([event()])
    assert put_aside(built) == [("not_null_dim_country", 1)]
    assert built.frame.height == 0


def test_every_row_rule_of_the_fact_table_has_a_broken_row():
    rules = {rule.name for rule in (*fct.RECEIVED_RULES, *fct.contract(site()).row_rules)}
    assert {case.rule for case in BROKEN} | {"not_null_dim_country"} == rules


def test_a_row_that_breaks_several_rules_is_put_aside_once():
    built = build_fct([event(user_id="abc", hostname=None, ip=None, action_type="teleport")])
    assert put_aside(built) == [("user_id_is_bigint", 1)]
    assert sum(number for name, number in built.numbers.items() if name.startswith("quarantined_")) == 1


def test_rows_in_the_future_warn_whatever_their_share_and_hide_no_other_share():
    table = BY_NAME["core.fct_website_events"]
    good = [event(event_id=str(number)) for number in range(9)]
    ahead = [event(in_the_future=True, hostname=None) for _ in range(90)]
    for bad, failed in (
        ([], [("contract", "WARN")]),
        # One of the ten that are the day's own, not one of a hundred.
        ([event(hostname=None)], [("not_null_dim_hostname", "ERROR"), ("contract", "WARN")]),
    ):
        built = build_fct([*good, *ahead, *bad])
        judged = verdicts(table, table.contract(site()).audit(built.frame), built.numbers, 0.05)
        assert [(verdict.check, verdict.severity) for verdict in judged if not verdict.passed] == failed


@pytest.mark.parametrize("rule", sorted({case.rule for case in BROKEN} - {"in_the_future"}))
def test_a_broken_row_makes_its_check_warn_and_a_broken_day_makes_it_fail(rule):
    table = BY_NAME["core.fct_website_events"]
    check = rule if rule in table.checks else "contract"
    case = next(case for case in BROKEN if case.rule == rule)
    for good, severity in ((40, "WARN"), (5, "ERROR")):
        built = build_fct([*(event(event_id=str(number)) for number in range(good)), case.row])
        judged = verdicts(table, table.contract(site()).audit(built.frame), built.numbers, 0.05)
        assert [(verdict.check, verdict.severity) for verdict in judged if not verdict.passed] == [(check, severity)]


@pytest.mark.parametrize("user_id", ["9223372036854775807", "-9223372036854775808", " 42 ", "0", "007"])
def test_a_whole_number_within_bigint_is_a_user(user_id):
    assert build_fct([event(user_id=user_id)]).frame["user_id"].to_list() == [int(user_id)]


def test_logged_out_is_null():
    assert build_fct([event(user_id=None)]).frame["user_id"].to_list() == [None]


@pytest.mark.parametrize("ip", ["192.0.2.1", "10.0.0.1", "no address"])
def test_an_address_without_country_is_kept_with_zz(ip):
    assert build_fct([event(ip=ip)]).frame["dim_country"].to_list() == ["ZZ"]


def test_actions_of_logged_requests():
    cases = list(REQUESTS.items())
    rows = [
        request(*logged, event_id=str(number), event_timestamp=at("12:00:00"))
        for number, (logged, _) in enumerate(cases)
    ]
    frame = build_fct(rows).frame
    found = dict(frame.select("event_id", "dim_action_type").iter_rows())
    assert {cases[int(number)][0]: action for number, action in found.items()} == REQUESTS


def test_actions_that_the_sender_named():
    rows = [event(action_type=name, event_id=name) for name in NAMED]
    assert dict(build_fct(rows).frame.select("event_id", "dim_action_type").iter_rows()) == NAMED


def test_a_named_action_goes_before_the_rules():
    row = request("POST", "/signup", 500, action_type="watch_video")
    assert build_fct([row]).frame["dim_action_type"].to_list() == ["watch_video"]


def test_the_first_rule_that_matches_wins_and_the_sites_own_come_first():
    rules = (
        ActionRule(action="watch_video", path="/video/.*", status="2.."),
        ActionRule(action="download", path="/video/1"),
        ActionRule(action="signup", method="GET|POST", path="/a|/b"),
    )
    asked = {
        ("GET", "/video/1", 200): "watch_video",
        ("GET", "/video/1", 404): "download",
        ("GET", "/video/2", 404): "error",
        ("GET", "/video/2.mp4", 206): "watch_video",
        ("POST", "/b", 200): "signup",
        # A pattern is for the whole text, with each of its alternatives.
        ("GET", "/ab", 200): "page_view",
        ("GET", "/b/c", 200): "page_view",
        ("TARGET", "/a", 200): "other_request",
    }
    rows = [request(*logged, event_id=str(number)) for number, logged in enumerate(asked)]
    frame = build_fct(rows, site(action_rules=rules)).frame
    found = dict(frame.select("event_id", "dim_action_type").iter_rows())
    assert [found[str(number)] for number in range(len(asked))] == list(asked.values())


def test_hosts_are_brought_to_one_spelling():
    rows = [event(hostname=host, event_id=host) for host in HOSTS]
    assert dict(build_fct(rows).frame.select("event_id", "dim_hostname").iter_rows()) == HOSTS


@pytest.mark.parametrize("case", IDENTITIES, ids=str)
def test_each_event_once_each_at_a_time_of_its_own(case: Identity):
    for rows in (case.rows, case.rows[::-1]):
        built = build_fct([{"line_number": number, **row} for number, row in _numbered(case.rows, rows)])
        found = built.frame.select("dim_url_path", "event_timestamp").rows()
        assert found == [(path, at(clock)) for path, clock in case.stay]
        assert built.numbers["duplicates"] == case.duplicates
        assert put_aside(built) == []


def _numbered(ordered, given):
    """Each row with its line in the file, in whatever order the rows are given."""
    lines = {id(row): [] for row in ordered}
    for number, row in enumerate(ordered, start=1):
        lines[id(row)].append(number)
    return [(lines[id(row)].pop(), row) for row in given]


def test_no_address_user_agent_or_query_comes_into_the_fact_table():
    rows = [event(url="https://www.xx.com/p?token=secret#frag", referrer="https://mail.example.org/box?id=secret")]
    told = str(build_fct(rows).frame.to_dicts())
    assert "/p" in told
    assert not any(private in told for private in ("8.8.8.8", "iPhone OS", "secret", "frag", "/box"))


def test_a_day_without_events_has_an_empty_fact_table_that_is_refused():
    built = build_fct([])
    table = BY_NAME["core.fct_website_events"]
    judged = verdicts(table, table.contract(site()).audit(built.frame), built.numbers, 0.05)
    assert [verdict.check for verdict in judged if verdict.blocks] == ["contract"]
    assert built.numbers["received"] == built.beside[QUARANTINE].height == 0
