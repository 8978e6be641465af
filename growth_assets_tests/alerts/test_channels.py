"""Delivery to a real webhook and a real mail server; one that fails stops no other, and no secret is ever told."""

from __future__ import annotations

import logging

import pytest
from pydantic import SecretStr

from growth_assets.alerts.alert import Alert
from growth_assets.alerts.channels import NOT_UNDERSTOOD, Channel, channels, deliver, understood
from growth_assets.alerts.journal import GONE_OUT, Journal
from growth_assets.alerts.message import message
from growth_assets.alerts.outbox import FIRST_WAIT, MOST_ATTEMPTS, Outbox
from growth_assets.alerts.seen import Level
from growth_assets_tests.alerts.receivers import PASSWORD, SECRET

EVIL = '<script>alert(1)</script> <!channel> *bold* <https://evil.example|click> "q" & \u202e'


def alert(number: int = 1, says: str = "the rate fell") -> Alert:
    return Alert(
        f"a{number}", "i1", "opened", Level.WARN, "metrics.signup_conversion_rate", "guardrail", "www.xx.com",
        "2026-03-18", "2026-03-18", "2026-03-18", number, 1774000000.0, "run-1", says,
    )  # fmt: skip


def told(number: int = 1, says: str = "the rate fell"):
    return message(alert(number, says), "http://127.0.0.1:3000")


def test_a_webhook_and_a_mail_server_get_the_message(site, hook, box):
    settings = site(hook.url, box.url)
    assert [deliver(channel, told()) for channel in channels(settings)] == ["", ""]
    (got,) = hook.got
    assert (got["title"], got["message"], got["type"]) == (told().title, told().text, "warning")
    (mail,) = box.got
    assert mail["Subject"] == told().title
    assert mail["To"] == "team@example.com"
    assert "First bad day: 2026-03-18" in mail.get_body(("plain",)).get_content()


def test_markup_from_the_web_reaches_nobody_as_markup(site, hook, box):
    settings = site(hook.url, f"{box.url}&format=html")
    for channel in channels(settings):
        assert deliver(channel, told(says=EVIL)) == ""
    page = box.got[0].get_body(("html",)).get_content()
    for text in (hook.got[0]["message"], page):
        assert "alert(1)" in text
        for never in ("<script", "<!channel", "<https", "*bold*", "\u202e"):
            assert never not in text


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("nonsense", NOT_UNDERSTOOD),
        (f"unheardof://{SECRET}@host", NOT_UNDERSTOOD),
        (f"slack://{SECRET}", NOT_UNDERSTOOD),
        (f"json://user:{SECRET}@127.0.0.1:1/{SECRET}", "could not be reached, or refused the message"),
        (
            f"mailto://user:{SECRET}@127.0.0.1:1?from=b@example.com&to=a@example.com",
            "could not be reached, or refused the message",
        ),
    ],
)
def test_what_went_wrong_is_told_without_secrets(url, wrong, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    channel = Channel("x", SecretStr(url))
    assert deliver(channel, told()) == wrong
    assert understood(channel) == (wrong != NOT_UNDERSTOOD)
    out, err = capfd.readouterr()
    assert SECRET not in caplog.text + out + err + repr(channel)


@pytest.mark.parametrize("status", [401, 404, 500])
def test_the_status_of_an_answer_is_told(hook, status):
    hook.status = status
    assert deliver(Channel("x", SecretStr(hook.url)), told()) == f"answered HTTP {status}"


def test_an_exception_of_a_service_is_not_quoted(monkeypatch, hook):
    def explode(*_: object, **__: object) -> None:
        raise RuntimeError(f"connecting to {SECRET}")

    monkeypatch.setattr("apprise.Apprise.notify", explode)
    assert deliver(Channel("x", SecretStr(hook.url)), told()) == "ended with RuntimeError"


def test_names_of_channels_say_nothing_of_their_urls(site, hook, box):
    settings = site(hook.url, box.url, hook.url)
    names = [channel.name for channel in channels(settings)]
    assert [name.partition("-")[0] for name in names] == ["json", "mailto"]
    assert SECRET not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json() + "".join(names)
    assert PASSWORD not in repr(channels(settings))
    assert channels(site()) == []


def test_pieces_of_a_secret_with_blanks_are_no_names(site):
    pieces = f"mailtos://user:correct horse {SECRET} staple@127.0.0.1 My{SECRET}://x JSON"
    names = [channel.name for channel in channels(site(*pieces.split()))]
    assert [name.rpartition("-")[0] for name in names] == ["mailtos", *["unknown"] * 5]


def test_one_that_fails_stops_no_other_and_is_tried_again_later(site, hook, box):
    settings = site("json://127.0.0.1:1/never", hook.url, box.url)
    there, journal, outbox = channels(settings), Journal(settings), Outbox()
    dead, good, mail = (channel.name for channel in there)
    for row in journal.add([alert(1), alert(2)], [channel.name for channel in there]):
        outbox.put(row)
    done = outbox.deliver(journal, there, now=0, seconds=60)
    assert (done.sent, list(done.failed)) == (4, [dead])
    assert hook.titles == box.subjects == [told().title] * 2
    row = journal.read("2026-03")["a1"]
    assert row.delivery[good] == row.delivery[mail] == GONE_OUT
    assert row.delivery[dead].startswith("waiting after 1 attempts: it could not be reached")
    # Within the wait only the message that was not tried yet is; the others are never sent twice.
    assert list(outbox.deliver(journal, there, now=1, seconds=60).failed) == [dead]
    assert not outbox.deliver(journal, there, now=FIRST_WAIT - 1, seconds=60).failed
    assert outbox.deliver(journal, there, now=FIRST_WAIT, seconds=60).failed
    assert len(hook.got) == len(box.got) == 2
    # When the channel answers again, it gets what waited.
    assert Outbox.from_json(outbox.to_json()) == outbox


def test_after_many_attempts_a_message_is_given_up(site, hook):
    settings = site(hook.url)
    hook.status = 500
    there, journal, outbox = channels(settings), Journal(settings), Outbox()
    outbox.put(*journal.add([alert()], [there[0].name]))
    now = 0.0
    for _ in range(MOST_ATTEMPTS + 5):
        outbox.deliver(journal, there, now, seconds=60)
        now += 3600
    assert hook.asked == MOST_ATTEMPTS
    assert not outbox.waiting
    said = journal.read("2026-03")["a1"].delivery[there[0].name]
    assert said == f"given up after {MOST_ATTEMPTS} attempts: it answered HTTP 500"


def test_what_is_in_the_table_already_is_not_added_again(site):
    journal = Journal(site())
    journal.add([alert(1)], ["x"])
    journal.add([alert(1), alert(2), alert(2)], ["x"])
    assert list(journal.read("2026-03")) == ["a1", "a2"]
    assert journal.months() == ["2026-03"]
