"""What an alert says, and that nothing from the web has power over who reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_assets.alerts.alert import Alert
from growth_assets.alerts.message import message, shown
from growth_assets.alerts.seen import Level
from growth_assets.alerts.words import WORDS, words
from growth_assets.tables import TABLES
from growth_assets.watches import WATCHES

BASE = "http://127.0.0.1:3000"
ALERT = Alert(
    "a1", "i1", "opened", Level.WARN, "metrics.signup_conversion_rate", "guardrail", "www.xx.com", "2026-03-18",
    "2026-03-18", "2026-03-18", 17, 1774000000.0, "run-1", "the rate fell", {"rate": "0.011", "low": "0.009"},
)  # fmt: skip


def test_an_alert_says_what_where_since_when_and_what_to_do():
    told = message(ALERT, BASE + "/")
    assert told.title == "[WARN] metrics.signup_conversion_rate: guardrail on www.xx.com, since 2026-03-18"
    assert told.text.splitlines() == [
        words("guardrail").means,
        "First bad day: 2026-03-18",
        "Table: metrics.signup_conversion_rate",
        "Rule: guardrail, the rate fell",
        "Host: www.xx.com",
        "Numbers of 2026-03-18: rate = 0.011, low = 0.009",
        f"What to do: {words('guardrail').remedy}",
        f"See: {BASE}/assets/metrics/signup_conversion_rate?view=checks&checkDetail=guardrail",
    ]
    assert not told.good_news


def test_an_error_that_keeps_a_day_back_says_so():
    told = message(replace(ALERT, check="contract", level=Level.ERROR, blocks=True), BASE)
    assert "The day 2026-03-18 is not published; what was published before stays." in told.text.splitlines()
    assert "is not published" not in message(ALERT, BASE).text


def test_the_end_of_an_incident_says_so():
    over = replace(ALERT, kind="recovered", ds="2026-03-20", last_bad_day="2026-03-19")
    told = message(over, BASE)
    assert told.title == "[recovered] metrics.signup_conversion_rate: guardrail on www.xx.com"
    assert told.text.startswith(
        "Over: the newest day, 2026-03-20, passes again. It did not hold from 2026-03-18 to 2026-03-19."
    )
    assert told.good_news


def test_worse_history_freshness_and_runs_have_words_of_their_own():
    worse = message(replace(ALERT, kind="worsened", level=Level.ERROR), BASE)
    assert worse.title.startswith("[now ERROR]")
    assert "It was a warning and is an error now, on 2026-03-18." in worse.text
    history = message(
        replace(
            ALERT, kind="history", check="history", host="", says="a: 2 days\nb: 3 days", numbers={"bad_days": "4"}
        ),
        BASE,
    )
    assert history.title == "[history] 4 days of the past did not keep the rules"
    assert "a: 2 days\nb: 3 days" in history.text
    assert history.link == f"{BASE}/runs/run-1"
    assert "Nothing is urgent" in history.text
    refused = message(replace(ALERT, kind="history", level=Level.ERROR, numbers={"bad_days": "1"}), BASE)
    assert "urgent" not in refused.text
    assert message(replace(ALERT, check="run", host=""), BASE).link == f"{BASE}/runs/run-1"
    fresh = message(replace(ALERT, check="freshness", kind="recovered", ds=None), BASE)
    assert fresh.text.startswith("Over: every table is fresh again.")
    assert fresh.link.endswith("?view=overview")


def test_every_check_of_a_table_has_words():
    for watch in WATCHES:
        assert watch.check in WORDS
    for table in TABLES:
        for check in table.checks:
            assert words(check).means != words("nobody knows it").means, check
    for told in WORDS.values():
        assert told.means.endswith(".")
        assert told.remedy.endswith(".")


@pytest.mark.parametrize(
    ("evil", "never"),
    [
        ("<script>alert(1)</script>", "<"),
        ("<!channel> <@U1> <https://evil.example|click>", "<"),
        ("[click](https://evil.example)", "]("),
        ("@everyone @here", "@"),
        ("https://evil.example/", "://"),
        ("JavaScript:alert(1)", "javascript:"),
        ("MailTo:someone", "ilto:"),
        ("**bold** `code` ~~gone~~ | table", "*"),
        ("two\nlines\r\n\x1b[31mred", "\n"),
        ("turned \u202e around", "\u202e"),
    ],
)
def test_text_from_the_web_is_harmless(evil, never):
    assert never not in shown(evil)
    told = message(replace(ALERT, host=evil, says=evil, numbers={evil: evil}, table=evil), BASE)
    body = told.text.replace(told.link, "").replace("\n", "")
    assert never not in told.title
    assert never not in body.replace("`sql`", "")


@given(st.text())
def test_nothing_that_is_shown_is_markup(text):
    result = shown(text)
    assert not set(result) & set("<>&@*~|`[]#\n\r\x1b")
    assert len(shown(text)) <= 10 * 200
    assert result.isprintable()
