"""Half a last line whose file is deleted before it settles: its bytes are kept and read in the end."""

from __future__ import annotations

import datetime as dt
import os
from unittest import mock

import pytest

from growth_assets.ingest import clock, ledger, placing
from growth_assets.ingest.conservation import accounts
from growth_assets.ingest.landing import land
from growth_assets.ingest.replay import replay
from growth_assets.ingest.unseen import unseen

NOW = 1_800_000_000
OVER = NOW + 300
COMMON = b'81.2.69.160 - - [01/Mar/2026:10:15:07 +0000] "GET /page/%d HTTP/1.1" 200 512\n'
CSV = b"event_time,hostname,action_type,ip,note\n"
RECORD = b"2026-03-01T10:00:0%d%b,www.xx.com,signup,1.2.3.4,%b\n"


def at(site, seconds: int, do=None):
    """What `do`, landing by default, gives at that time."""
    now = dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=None)
    with mock.patch.object(clock, "now", return_value=now):
        return do() if do else land(site.settings)


def state(site) -> tuple[list[dict], list[tuple]]:
    """What was read and what was rejected, file and line and all."""
    return sorted(site.raw(), key=lambda row: row["line_number"]), site.rejected()


def fresh(site, content: bytes, name: str = "a.log"):
    path = site.put(name, content)
    os.utime(path, (NOW, NOW))
    return path


CONTENTS = {
    "whole line": COMMON % 1 + (COMMON % 2)[:-1],
    "half a line": COMMON % 1 + COMMON % 5 + b"broken\n" + (COMMON % 2)[:-30],
    "half a line of JSON": b'{"event_time":"2026-03-01T10:00:00Z","ip":"1.2.3.4"}\n{"event_time":"2026-03-02T10',
    "not in the encoding": b'{"event_time":"2026-03-01T10:00:00Z","ip":"1.2.3.4"}\n{"a": "\xff',
    "too long": COMMON % 1 + b"x" * 3_000_000,
    "csv": CSV + RECORD % (1, b"Z", b"x") + b"bad\n" + (RECORD % (2, b"Z", b"last"))[:-1],
    "csv of another day": CSV + RECORD % (1, b"Z", b"x") + b"2026-03-09T10:00:00Z,www.xx.com,login,1.2.3.4,",
    "csv record over lines": CSV + RECORD % (1, b"Z", b"x") + RECORD % (2, b"Z", b'"two\nlines,\nand ""a"" third"'),
    "csv record never closed": CSV + RECORD % (1, b"Z", b'"x\r') + RECORD % (2, b"Z", b"y") + b"2026-03",
    "csv record before a line too long": CSV + RECORD % (1, b"Z", b'"x') + b"y" * 2_000_000,
    "a header alone": CSV[:-1],
    "no newline at all": (COMMON % 1)[:-1],
}


@pytest.mark.parametrize("case", CONTENTS)
def test_a_line_whose_file_is_gone_is_read_as_of_a_file_that_settled(new_site, case):
    content = CONTENTS[case].removesuffix(b"\n")
    gone, stays = new_site(), new_site()
    path = fresh(gone, content)
    fresh(stays, content)
    first = at(gone, NOW)
    assert first.unfinished == ["a.log"]
    at(stays, NOW)
    path.unlink()
    # It is told for as long as it waits.
    assert (at(gone, OVER - 1).read, at(gone, OVER - 1).unfinished) == ([], ["a.log"])
    landed, other = at(gone, OVER), at(stays, OVER)
    assert (len(landed.read), landed.unfinished, landed.unreadable) == (1, [], [])
    assert landed.touched == other.touched
    assert state(gone) == state(stays)
    assert [(e.id, e.lines, e.segments, e.format) for e in gone.ledger.entries] == [
        (e.id, e.lines, e.segments, e.format) for e in stays.ledger.entries
    ]
    assert all(account.balanced for account in accounts(gone.settings, gone.ledger.current.values()))
    assert not list((gone.settings.warehouse / "landing/unfinished").glob("*"))
    # The file again adds nothing, and its other half what it is.
    fresh(gone, content, "b.log")
    assert (at(gone, OVER + 1).read, at(gone, OVER + 1).unfinished) == ([], [])
    for site in (gone, stays):
        fresh(site, content + b"\n", "b.log")
        at(site, OVER + 2)
    assert state(gone) == state(stays)


@pytest.mark.parametrize("half", [b'{"event_time": "2026-', b"81.2.69.160 - - [01/Mar", b"\xef\xbb\xbfhello"])
def test_half_a_line_that_is_all_of_its_file_is_a_rejected_line(site, half):
    path = fresh(site, half)
    at(site, NOW)
    path.unlink()
    assert not at(site, OVER).unreadable
    text = half.decode("utf-8-sig")
    assert site.rejected() == [(1, "not_a_log_line", text)] or site.rejected() == [(1, "not_json", text)]
    assert [(entry.lines, entry.rejected) for entry in site.ledger.entries] == [(1, 1)]


def test_a_file_that_was_moved_or_grew_elsewhere_goes_on(site):
    path = fresh(site, COMMON % 1 + (COMMON % 2)[:-9])
    at(site, NOW)
    path.rename(site.landing / "b.log")
    assert at(site, OVER - 1).unfinished == ["b.log"]
    (site.landing / "b.log").unlink()
    fresh(site, COMMON % 1 + COMMON % 2 + COMMON % 3, "c.log")
    at(site, OVER)
    assert [row["url"] for row in site.raw()] == ["/page/1", "/page/2", "/page/3"]
    assert site.rejected() == []


def test_the_sensor_sees_that_a_line_has_waited_in_vain(site):
    path = fresh(site, COMMON % 1 + (COMMON % 2)[:-9])
    at(site, NOW)
    path.unlink()

    def looked():
        return unseen(site.settings, site.ledger)

    assert at(site, OVER - 1, looked).names == ()
    assert at(site, OVER, looked).names == ("a.log",)
    at(site, OVER)
    assert at(site, OVER, looked).names == ()


def test_a_replay_keeps_the_line_that_waits(site):
    path = fresh(site, CSV + RECORD % (1, b"Z", b"x") + RECORD % (2, b"", b"y") + (RECORD % (3, b"", b"z"))[:-1])
    at(site, NOW)
    path.unlink()
    site.configure('[[sources]]\nname = "landing"\nutc_offset = "+02:00"')
    assert at(site, NOW + 1, lambda: replay(site.settings)).events == 1
    assert len(site.raw()) == 2
    assert at(site, NOW + 2).unfinished == ["a.log"]
    at(site, OVER)
    assert [row["line_number"] for row in site.raw()] == [2, 3, 4]
    assert at(site, OVER, lambda: replay(site.settings)).entries == []


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_process_that_dies_while_it_settles_a_line_leaves_the_old_or_the_new(new_site, monkeypatch):
    content = COMMON % 1 + COMMON % 5 + b"broken\n" + (COMMON % 2)[:-1]

    def waiting():
        site = new_site()
        path = fresh(site, content)
        at(site, NOW)
        path.unlink()
        return site

    done = waiting()
    old = state(done)
    at(done, OVER)
    new = state(done)
    assert (len(old[0]), len(new[0])) == (2, 3)
    outcomes = []
    for last in range(1, 100):
        site, left = waiting(), last

        def step(function):
            def stepping(*arguments, **named):
                nonlocal left
                left -= 1
                if left == 0:
                    raise Killed
                return function(*arguments, **named)

            return stepping

        with monkeypatch.context() as patch:
            for name in ("put_in_place", "put_folder_in_place", "write_json", "sync_folder", "remove_file"):
                patch.setattr(placing.durable, name, step(getattr(placing.durable, name)))
            try:
                at(site, OVER)
            except Killed:
                pass
            else:
                break
        assert len(site.ledger.current) == 1
        assert state(site)[0] in (old[0], new[0])
        outcomes.append(state(site)[0] == new[0])
        at(site, OVER + 1)
        assert state(site) == new
        assert not list(ledger.read(site.settings.warehouse).folder.glob("unfinished/*"))
    assert {*outcomes} == {True, False}
