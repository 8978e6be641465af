"""Replay after a setting was mended: as if the file, which is gone, had been read with it from the start."""

from __future__ import annotations

import bz2
import datetime as dt
import json

import dagster as dg
import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from typer.testing import CliRunner

from growth_assets.cli import app
from growth_assets.engines.rejudge import judged_otherwise
from growth_assets.ingest import clock, ledger, placing
from growth_assets.ingest.conservation import accounts
from growth_assets.ingest.files import source_named
from growth_assets.ingest.out_of_range import first_day, last_day, put_aside, survey
from growth_assets.ingest.replay import replay, replayable
from growth_assets.orchestration import replay as command
from growth_assets.orchestration.instance import open_instance
from growth_assets.orchestration.run import build, wanted_days
from growth_assets.orchestration.specs import asset_key
from growth_assets.settings import BUILT_IN_ACTIONS, Source
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse

D1, D2, D3 = "2026-03-01", "2026-03-02", "2026-03-03"

LATIN = 'encoding = "latin-1"'
OFFSET = 'utc_offset = "+02:00"'


def source(*lines: str) -> str:
    """A source for all files with these settings."""
    return "\n".join(['[[sources]]\nname = "landing"', *lines])


def latin(write, number: int, ds: str) -> bytes:
    return write.event(number, ds, hostname="www.xx.com", title="caf\u00e9").replace(b"caf\\u00e9", b"caf\xe9")


def local(write, number: int, ds: str) -> bytes:
    """An event whose time has no offset."""
    return write.event(number, ds).replace(b'Z"', b'"')


def build_quickly(site) -> list[str]:
    """What a build or replay does after landing, without Dagster; the days built."""
    _, lost = put_aside(site.settings)
    assert not lost
    warehouse = Warehouse(site.settings.warehouse)
    first, last = first_day(site.settings).isoformat(), last_day().isoformat()
    again = [ds for ds in site.ledger.days if judged_otherwise(warehouse, DAILY, site.settings, ds)]
    days = [ds for ds in sorted({*wanted_days(site.settings, None, None), *again}) if first <= ds <= last]
    if days:
        site.build(days)
    return days


def rejected(site) -> list[tuple[str, int, str]]:
    paths = sorted((site.settings.warehouse / "raw/rejected_lines").glob("*.parquet"))
    return sorted(
        row for path in paths for row in pl.read_parquet(path).select("source_file", "line_number", "reason").rows()
    )


def balanced(site) -> bool:
    return all(account.balanced for account in accounts(site.settings, site.ledger.current.values()))


def whole(site) -> tuple[list, list]:
    """Everything received and rejected, but for what tells when it was."""
    rows = [{name: row[name] for name in row if name != "file_started_at"} for row in site.raw()]
    return sorted(rows, key=lambda row: (row["source_file"], row["line_number"])), rejected(site)


SCENARIOS = {
    "latin-1 read as utf-8": (
        source(LATIN),
        lambda write: write.events(range(4), D1) + latin(write, 7, D2) + b"broken\n" + latin(write, 9, D3)
        + write.event(20, D3),
    ),
    "times without offset": (
        source(OFFSET),
        lambda write: write.events(range(4), D1) + local(write, 7, D2) + write.event(8, D2, event_time="yesterday")
        + local(write, 9, D3) + write.event(20, D3),
    ),
    "csv records over several lines, without offset": (
        source(OFFSET),
        lambda _: b'event_time,hostname,action_type,ip,properties\n'
        b'2026-03-01T10:00:00Z,www.xx.com,page_view,8.8.8.8,\n'
        b'2026-03-02T10:00:00,www.xx.com,page_view,8.8.8.8,"two\nlines"\n'
        b'2026-03-02T11:00:00,www.xx.com,page_view,8.8.8.8,"three\n\nlines"\n'
        b'a,b\n'
        b'2026-03-03T10:00:00Z,www.xx.com,page_view,8.8.8.8,\n',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_file_that_is_gone_is_as_if_read_with_the_mended_setting(site, new_site, write, name):
    mended, content = SCENARIOS[name]
    path = site.put("a.log", content(write))
    site.land()
    build_quickly(site)
    before = site.ledger.days
    path.unlink()
    site.configure(mended)
    site.land()
    assert rejected(site), "nothing to replay"
    assert [entry.rejected for entry in replayable(site.settings, site.ledger)] == [3]
    found = replay(site.settings)
    assert found.lines == found.events + found.still_rejected
    assert (found.events, found.still_rejected) == (2, 1)
    built = build_quickly(site)
    assert D1 in before
    assert built == ([D2] if "csv" in name else [D2, D3])
    assert balanced(site)
    fresh = new_site(mended)
    fresh.put("a.log", content(write))
    fresh.land()
    fresh.build()
    assert whole(site) == whole(fresh)
    assert site.hashes() == fresh.hashes()
    # Idempotent, and the file itself adds nothing.
    assert replayable(site.settings, site.ledger) == []
    assert replay(site.settings).entries == []
    site.put("b.log", content(write))
    landed = site.land()
    assert (landed.read, landed.touched, landed.known) == ([], [], 1)
    assert build_quickly(site) == []


def test_a_file_that_is_still_there_is_read_whole_by_landing(site, write):
    site.put("a.ndjson", write.event(1, D1) + latin(write, 7, D2))
    site.land()
    site.configure(source(LATIN))
    assert [entry.rejected for entry in site.land().read] == [0]
    assert replay(site.settings).entries == []


def test_a_source_made_for_the_file_alone_is_found_by_its_name(site, write):
    path = site.put("old/shop/a.ndjson", write.event(1, D1) + latin(write, 7, D2))
    site.land()
    path.unlink()
    site.configure(
        '[[sources]]\nname = "old"\nfiles = "old/**/*.ndjson"\nencoding = "latin-1"\n[[sources]]\nname = "landing"\n'
    )
    assert replay(site.settings).events == 1
    assert [entry.source for entry in site.ledger.current.values()] == ["old"]


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("**/*", "a.log", True), ("**/*", "x/y/a.log", True), ("*.log", "a.log", True), ("*.log", "x/a.log", False),
        ("x/*.log*", "x/a.log.1", True), ("x/**/*.log", "x/a.log", True), ("x/**/*.log", "x/y/z/a.log", True),
        ("x/**/*.log", "y/a.log", False), ("x/[ab].log", "x/c.log", False), ("*.log", "a.log@2", True),
    ],
)  # fmt: skip
def test_a_name_belongs_to_the_source_whose_glob_finds_it(site, pattern, name, found):
    settings = site.settings.model_copy(update={"sources": (Source(name="one", files=pattern),)})
    assert (source_named(settings, name.removesuffix("@2")) is not None) == found
    path = site.put(name.removesuffix("@2"), b"")
    assert (path in set(site.landing.glob(pattern))) == found


def materializations(site) -> list[tuple[str, str]]:
    with open_instance(site.settings) as instance:
        found = []
        for table in DAILY:
            records = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key(table.name)), limit=1000).records
            found += [(table.name, record.partition_key) for record in records]
        return sorted(found)


def test_an_action_added_to_actions_frees_its_rows_and_builds_their_day_alone(site, write):
    path = site.put(
        "a.ndjson",
        write.events(range(40), D1)
        + write.events(range(100, 140), D2) + write.event(140, D2, action_type="teleport")
        + write.events(range(200, 240), D3) + write.event(240, D3, action_type="levitate"),
    )  # fmt: skip
    build(site.settings)
    before = materializations(site)
    path.unlink()
    site.configure(f"actions = {json.dumps([*BUILT_IN_ACTIONS, 'teleport'])}")
    ran = CliRunner().invoke(app, ["replay", "--data", str(site.folder)])
    assert ran.exit_code == 0, ran.stderr
    assert "Replayed 0 rejected lines of 0 files that are gone" in ran.stdout
    assert "1 rows are out of quarantine." in ran.stdout
    assert f"Built 1 of 1 days, {D2} to {D2}." in ran.stdout
    after = materializations(site)
    for each in before:
        after.remove(each)
    assert after == sorted((table.name, D2) for table in DAILY)
    assert [row["action_type"] for row in site.rows("raw.quarantined_events")] == ["levitate"]
    again = command.replay(site.settings)
    assert (again.freed, again.built.days) == (0, [])


def test_replay_from_the_command_line_tells_what_it_did(site, write):
    path = site.put("a.ndjson", write.events(range(4), D1) + latin(write, 7, D2) + b"x" * (1 << 20) + b"y\nbroken\n")
    build(site.settings)
    path.unlink()
    site.configure(source(LATIN))
    ran = CliRunner().invoke(app, ["replay", "--data", str(site.folder)])
    assert ran.exit_code == 0, ran.stderr
    said = "Replayed 2 rejected lines of 1 files that are gone: 1 new events + 1 still rejected."
    assert said in ran.stdout
    assert "1 rejected lines cannot be read again" in ran.stdout
    assert f"Built 1 of 1 days, {D2} to {D2}." in ran.stdout
    assert balanced(site)
    again = CliRunner().invoke(app, ["replay", "--data", str(site.folder)])
    assert again.exit_code == 0
    assert "Replayed 0 rejected lines" in again.stdout
    assert "Every day is up to date." in again.stdout


def test_replay_ends_with_the_codes_of_a_build(site, write):
    ran = CliRunner().invoke(app, ["replay", "--data", str(site.folder / "nowhere")])
    assert ran.exit_code == 2
    path = site.put("a.ndjson", write.events(range(3), D1) + b"broken\n")
    site.land()
    path.unlink()
    (entry,) = site.ledger.current
    ledger.originals_path(site.ledger.folder, entry).unlink()
    site.configure(source(LATIN))
    ran = CliRunner().invoke(app, ["replay", "--data", str(site.folder)])
    assert ran.exit_code == 1
    assert "check files_readable failed" in ran.stderr
    assert "Bring the file itself again" in ran.stderr
    assert list(site.ledger.current) == [entry]


def test_first_day_earlier_and_tolerance_raised_free_rows_of_files_that_are_gone(new_site, write):
    site = new_site(f"first_day = {D2}")
    near = (clock.now() + dt.timedelta(hours=60)).isoformat() + "Z"
    far = (clock.now() + dt.timedelta(hours=600)).isoformat() + "Z"
    path = site.put(
        "a.ndjson",
        write.events(range(3), D1)
        + write.event(5, D2)
        + write.event(6, event_time=near)
        + write.event(7, event_time=far),
    )
    site.land()
    build_quickly(site)
    assert len(site.rows("raw.quarantined_events")) == 5
    path.unlink()
    site.configure(f"first_day = {D1}\nfuture_tolerance_hours = 100")
    site.land()
    found = replay(site.settings)
    assert (found.lines, found.events, len(found.entries)) == (0, 0, 1)
    assert build_quickly(site) == [D1]
    (row,) = site.rows("raw.quarantined_events")
    assert (row["rule"], row["line_number"]) == ("in_the_future", 6)
    assert sum(survey(site.settings).waiting.values()) == 1
    assert balanced(site)
    assert replay(site.settings).entries == []
    assert build_quickly(site) == []


def test_a_rule_that_still_fails_builds_nothing(site, write):
    site.put("a.ndjson", write.events(range(40), D1) + write.event(50, D1, hostname="localhost"))
    site.land()
    build_quickly(site)
    before = site.hashes()
    site.configure(f"actions = {json.dumps([*BUILT_IN_ACTIONS, 'teleport'])}")
    # The settings of the fact table changed, and the row was judged again.
    assert build_quickly(site) == []
    assert site.hashes() == before


def test_what_cannot_be_read_again_stays_as_it_is(site, write):
    damaged = bz2.compress(write.events(range(2_000), D1), 1)[:-300]
    path = site.put("a.bz2", damaged)
    long = site.put("b.ndjson", write.event(1, D2) + b"x" * (2 << 20) + b"\n")
    site.land()
    before = rejected(site)
    assert {reason for _, _, reason in before} == {"damaged_file", "line_too_long"}
    path.unlink()
    long.unlink()
    site.configure(source(LATIN))
    found = replay(site.settings)
    assert (found.lines, found.not_kept) == (0, 2)
    assert rejected(site) == before
    assert balanced(site)


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_replay_that_dies_at_any_step_leaves_the_old_or_the_new(new_site, write, monkeypatch):
    content = write.events(range(4), D1) + latin(write, 7, D2) + b"broken\n" + latin(write, 9, D3)
    steps = ["put_in_place", "write_json", "sync_folder"]

    def prepared():
        site = new_site()
        path = site.put("a.ndjson", content)
        site.land()
        path.unlink()
        site.configure(source(LATIN))
        return site

    done = prepared()
    old = whole(done)
    replay(done.settings)
    new = whole(done)
    assert old != new
    outcomes = []
    for at in range(1, 100):
        site = prepared()
        left = at

        def step(function):
            def stepping(*arguments, **named):
                nonlocal left
                left -= 1
                if left == 0:
                    raise Killed
                return function(*arguments, **named)

            return stepping

        with monkeypatch.context() as patch:
            for name in steps:
                patch.setattr(placing.durable, name, step(getattr(placing.durable, name)))
            patch.setattr(placing, "drop", step(placing.drop))
            try:
                replay(site.settings)
            except Killed:
                pass
            else:
                break
        ids = set(site.ledger.current)
        assert len(ids) == 1
        rows = whole(site)[0]
        assert rows in (old[0], new[0])
        outcomes.append(rows == new[0])
        replay(site.settings)
        assert whole(site) == new
        assert balanced(site)
    assert True in outcomes
    assert False in outcomes


def csv_line(kind: str, number: int) -> bytes:
    moment = f"2026-03-0{number % 3 + 1}T10:00:{number % 60:02}"
    return {
        "good": f"{moment}Z,www.xx.com,page_view,8.8.8.8,x\n",
        "local": f"{moment},www.xx.com,page_view,8.8.8.8,x\n",
        "long local": f'{moment},www.xx.com,page_view,8.8.8.8,"a\nb, ""c""\n"\n',
        "long good": f'{moment}Z,www.xx.com,page_view,8.8.8.8,"a\n\n"\n',
        "bad": "x,y\n",
        "stray": f'{moment},"www.xx.com"x,page_view,8.8.8.8,x\n',
        "blank": "\n",
    }[kind].encode()


@given(st.lists(st.sampled_from(["good", "local", "long local", "long good", "bad", "stray", "blank"]), max_size=25))
@how(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_replay_of_any_mix_is_the_reading_with_the_mended_setting(new_site, kinds):
    content = b"event_time,hostname,action_type,ip,note\n" + b"".join(
        csv_line(kind, number) for number, kind in enumerate(kinds)
    )
    site, fresh = new_site(), new_site(source(OFFSET))
    path = site.put("a.csv", content)
    fresh.put("a.csv", content)
    site.land()
    fresh.land()
    path.unlink()
    site.configure(source(OFFSET))
    found = replay(site.settings)
    assert found.lines == found.events + found.still_rejected
    assert whole(site) == whole(fresh)
    assert balanced(site)


MENDED = {
    "an offset": (
        source('utc_offset = "+02:00"'),
        source('utc_offset = "+05:45"'),
        lambda write: local(write, 1, D2) + write.event(2, D2) + write.event(3, D2, event_time="?"),
    ),
    "an encoding": (
        source(LATIN),
        source('encoding = "utf-8"'),
        lambda write: latin(write, 1, D1).replace(b"caf\xe9", "café ☃".encode()) + b"broken\n",
    ),
    "an offset that was missing": (
        "",
        source(OFFSET),
        lambda write: write.event(1, D1) + local(write, 2, D2) + b"broken\n" + write.event(3, D2),
    ),
}


@pytest.mark.parametrize("name", MENDED)
def test_an_older_copy_adds_nothing_after_a_replay(site, write, name):
    before, after, content = MENDED[name]
    older = content(write) + write.events(range(10, 20), D1)
    site.configure(before)
    path = site.put("a.log", older + write.events(range(20, 25), D3))
    site.land()
    path.unlink()
    site.configure(after)
    assert len(replay(site.settings).entries) == 1
    state = whole(site)
    site.put("older.log", older)
    assert (site.land().read, whole(site)) == ([], state)
    # Another content is none of it.
    site.put("other.log", content(write) + write.events(range(30, 40), D1))
    assert len(site.land().read) == 1
