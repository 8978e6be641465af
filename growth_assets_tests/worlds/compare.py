"""What the warehouse of a small world holds, beside what the oracle makes of all final files at once."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import polars as pl

from growth_assets.ingest import ledger
from growth_assets.ingest.conservation import accounts
from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME
from growth_assets.warehouse.partitions import Warehouse, scan
from growth_assets_tests.worlds import plain_tables
from growth_assets_tests.worlds.known import HOSTNAMES
from growth_assets_tests.worlds.plain_reading import Row, read
from growth_assets_tests.worlds.streams import Stream

FACTS, ASIDE, RAW = "core.fct_website_events", "raw.quarantined_events", "raw.website_events"

AS_RECEIVED = (
    "event_timestamp", "subsecond_clock", "url", "referrer", "ip", "forwarded_for", "user_agent", "user_id", "event_id",
    "event_name",
)  # fmt: skip


def published(settings: Settings) -> list[str]:
    """The days whose facts can be read."""
    return Warehouse.of(settings).days(BY_NAME[FACTS])


class Comparison:
    """Collects what differs, each in a line."""

    def __init__(self, settings: Settings, tables: Collection[str]) -> None:
        self.settings, self.warehouse, self.tables = settings, Warehouse.of(settings), tables
        self.found: list[str] = []

    def same(self, what: str, found: Any, expected: Any) -> None:
        """Both must be equal."""
        if found != expected:
            self.found.append(f"{what}:\n  found    {found}\n  expected {expected}")

    def same_rows(self, what: str, found: Iterable[Any], expected: Iterable[Any]) -> None:
        """Both must hold the same rows, in any order, each as often."""
        here, there = Counter(map(_line, found)), Counter(map(_line, expected))
        extra, lacking = here - there, there - here
        if extra or lacking:
            rows = [
                *(f"  found    {row}" for row in extra.elements()),
                *(f"  expected {row}" for row in lacking.elements()),
            ]
            self.found.append("\n".join([f"{what}:", *rows]))

    def rows(self, table: str, ds: str, columns: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Published rows of a day; none where it is not published."""
        if not self.warehouse.is_published(BY_NAME[table], ds):
            return []
        frame = self.warehouse.scan(BY_NAME[table], ds).collect()
        return (frame.select(columns) if columns else frame).to_dicts()


def _line(row: Any) -> str:
    return repr(sorted(row.items()) if isinstance(row, Mapping) else row)


def differences(settings: Settings, streams: list[Stream], tables: Collection[str]) -> list[str]:
    """What the tables say that the oracle does not, and the other way round; empty where all agree."""
    comparison = Comparison(settings, tables)
    landed = ledger.read(settings.warehouse)
    rows = _files(comparison, landed, streams)
    by_day: dict[str, list[Row]] = {}
    for row in rows:
        by_day.setdefault(row["event_timestamp"].date().isoformat(), []).append(row)
    comparison.same("days landed", list(landed.by_day), sorted(by_day))
    inside = _inside(settings, by_day)
    wanted: list[str] = []
    for ds, of_day in by_day.items():
        if ds in inside:
            wanted += [ds] * _day(comparison, ds, of_day)
        else:
            _aside(comparison, ds, of_day)
    comparison.same("days published", published(settings), sorted(wanted))
    return comparison.found


def refused(settings: Settings, streams: list[Stream]) -> list[str]:
    """The days that no facts may be published of: a rule puts too much aside, or all."""
    by_day: dict[str, list[Row]] = {}
    for stream in streams:
        for row in read(stream.content, stream.kind, HOSTNAMES[0], offset_of(settings, stream.kind)).rows:
            by_day.setdefault(row["event_timestamp"].date().isoformat(), []).append({**row, "file": ""})
    found = []
    for ds in _inside(settings, by_day):
        day = plain_tables.day(by_day[ds], settings.trusted_proxies)
        if not day.facts or day.quarantined.total() / day.raw > settings.max_quarantined_share:
            found.append(ds)
    return sorted(found)


def offset_of(settings: Settings, kind: str) -> str | None:
    """The offset that the settings give times of such files that have none."""
    return next((each.utc_offset for each in settings.sources if each.name in {kind, "landing"}), None)


def _files(comparison: Comparison, landed: ledger.Ledger, streams: list[Stream]) -> list[Row]:
    by_print = {entry.fingerprint: entry for entry in landed.current.values() if entry.length}
    rows: list[Row] = []
    for stream in streams:
        entry = by_print.pop(hashlib.sha256(stream.content).hexdigest(), None)
        if entry is None:
            comparison.found.append(f"a {stream.kind} content of {len(stream.content)} bytes did not land")
            continue
        expected = read(stream.content, stream.kind, HOSTNAMES[0], offset_of(comparison.settings, stream.kind))
        comparison.same(f"format of {entry.source_file}", entry.format, stream.kind)
        comparison.same(
            f"lines of {entry.source_file}",
            (entry.lines, entry.events, entry.rejected),
            (len(expected.rows) + len(expected.rejected), len(expected.rows), len(expected.rejected)),
        )
        rejected = ledger.rejected_path(comparison.settings.warehouse, entry.id)
        frame = pl.read_parquet(rejected) if rejected.exists() else pl.DataFrame(schema=["source_file"])
        comparison.same_rows(
            f"rejected lines of {entry.source_file}",
            [(row["line_number"], row["reason"], row["text"]) for row in frame.to_dicts()],
            expected.rejected,
        )
        comparison.same("name of the rejected lines' file", {*frame["source_file"]} - {entry.source_file}, set())
        rows += [{**row, "file": entry.source_file} for row in expected.rows]
    comparison.same("contents that are no file's", [entry.source_file for entry in by_print.values()], [])
    unbalanced = [str(each) for each in accounts(comparison.settings, landed.current.values()) if not each.balanced]
    comparison.same("files whose lines are not conserved", unbalanced, [])
    there = {path.stem for path in (comparison.settings.warehouse / "raw" / "rejected_lines").glob("*.parquet")}
    comparison.same("rejected lines of nobody", there - {*landed.current}, set())
    return rows


def _inside(settings: Settings, by_day: Mapping[str, list[Row]]) -> list[str]:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    possible = [ds for ds in by_day if "2000-01-01" <= ds <= today]
    first = settings.first_day.isoformat() if settings.first_day else min(possible, default=today)
    return [ds for ds in possible if ds >= first]


def _aside(comparison: Comparison, ds: str, rows: list[Row]) -> None:
    rule = "in_the_future" if ds > "2100" else "before_first_day"
    found = comparison.rows(ASIDE, ds, ["source_file", "line_number", "rule"])
    expected = [{"source_file": row["file"], "line_number": row["line_number"], "rule": rule} for row in rows]
    comparison.same_rows(f"put aside of {ds}", found, expected)
    comparison.same(f"raw of {ds}, which is no partition", comparison.rows(RAW, ds), [])


def _day(comparison: Comparison, ds: str, rows: list[Row]) -> bool:
    """Compare a day; True where its facts are to be published."""
    received = comparison.rows(RAW, ds, ["source_file", "line_number", *AS_RECEIVED])
    wanted = [
        {"source_file": row["file"], "line_number": row["line_number"], **{name: row[name] for name in AS_RECEIVED}}
        for row in rows
    ]
    comparison.same_rows(f"raw of {ds}", received, wanted)
    expected = plain_tables.day(rows, comparison.settings.trusted_proxies)
    if not expected.facts:
        return False
    aside = [tuple(row.values()) for row in comparison.rows(ASIDE, ds, ["source_file", "line_number", "rule"])]
    comparison.same_rows(f"quarantined of {ds}", aside, expected.quarantined.elements())
    record = comparison.warehouse.record(BY_NAME[FACTS], ds)
    comparison.same(f"duplicates of {ds}", record and record.numbers["duplicates"], expected.duplicates)
    facts = comparison.rows(FACTS, ds)
    comparison.same(
        f"raw = fct + quarantined + duplicates of {ds}", len(facts) + len(aside) + expected.duplicates, expected.raw
    )
    for file in comparison.warehouse.files(BY_NAME[FACTS], ds):
        keys = scan(file).select("event_timestamp", "logged_out_user_id").collect().rows()
        comparison.same(f"order of facts of {ds}", keys, sorted(keys))
    comparison.same_rows(f"facts of {ds}", facts, ({**row, "ds": ds} for row in expected.facts))
    for name, wanted_rows in plain_tables.tables(expected.facts).items():
        if name not in comparison.tables:
            continue
        # How a day is judged by the weeks before it is another test's.
        columns = [*wanted_rows[0], "ds"] if wanted_rows else None
        found = comparison.rows(name, ds, columns)
        comparison.same_rows(f"{name} of {ds}", found, ({**row, "ds": ds} for row in wanted_rows))
    return True
