"""The rows that are shown beside a check tell where to look, and nothing of whom they are about."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_assets.contracts.sample import ROWS_SHOWN, WITHHELD, put_aside, sample
from growth_assets_tests.contracts.planted import good
from growth_assets_tests.tables.days import event, fact, fact_day, raw_day


def shown(**columns) -> dict:
    (row,) = sample(pl.DataFrame({name: [value] for name, value in columns.items()}))
    return dict(row)


def test_of_a_fact_only_what_says_nothing_of_the_visitor():
    row = fact(
        user_id=42, logged_out_user_id=7, event_id="secret", other_properties={"email": "a@b.example"},
        dim_url_path="/people/jane", dim_referrer_domain="jane.example",
    )  # fmt: skip
    assert sample(fact_day([row])) == (
        {"dim_hostname": "www.xx.com", "dim_country": "US", "dim_action_type": "page_view", "ds": "2026-03-14"},
    )


def test_of_a_received_event_its_place():
    (row,) = sample(raw_day([event(user_id="42", referrer="https://jane.example/")]))
    assert row == {
        "hostname": "www.xx.com", "line_number": 1, "source_file": "events.ndjson", "ds": "2026-03-14",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.1", "host-192-0-2-1.isp.example", "2001:db8::1", "[2001:db8::1]", "20010db8.1.2.3.4.example",
        "jane@xx.com", "<script>alert(1)</script>", "a b", "\x1b[31m", "x\n", "", "a" * 64, "\u202emoc",
    ],
)  # fmt: skip
def test_a_text_that_could_be_about_somebody_or_do_something_is_withheld(text):
    assert shown(hostname=text) == {"hostname": WITHHELD}


@pytest.mark.parametrize("text", ["www.xx.com", "localhost", "www_2.xx.com", "shop/access.log.1", "2026-03-14", "DE"])
def test_a_harmless_text_is_shown(text):
    assert shown(hostname=text) == {"hostname": text}


def test_null_is_told_from_withheld():
    assert shown(hostname=None) == {"hostname": "null"}


@given(st.text(max_size=80))
def test_nothing_shown_is_longer_or_other_than_printable(text):
    (value,) = shown(dim_hostname=text).values()
    assert value == WITHHELD or (value == text and text.isascii() and text.isprintable() and len(text) <= 63)


def test_of_rows_put_aside_the_first_few_of_each_rule():
    rows = pl.concat([good("raw.quarantined_events")] * 4)
    found = put_aside(rows)
    assert {rule: len(each) for rule, each in found.items()} == {
        "dim_hostname_well_formed": ROWS_SHOWN,
        "dim_action_type_enumerated": ROWS_SHOWN,
    }
    assert put_aside(rows.clear()) == {}
    assert put_aside(good("core.fct_website_events")) == {}
