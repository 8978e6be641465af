"""What a file is taken for and what is read from it, on a terminal. No text of the file reaches it unescaped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from growth_assets.report.screen import printable
from growth_assets.settings import Source
from growth_assets.sources.first_look import FirstLook
from growth_assets.sources.reasons import MEANING, Reason

SHOWN = 3
"""Events, and rejected lines, that are shown."""
LONGEST = 120
"""Characters of a text that are shown."""
_EXCERPT = 60


def file_report(path: Path, look: FirstLook, source: Source | None) -> Iterator[RenderableType]:
    """The report, line by line.

    Args:
        path: the file.
        look: what its beginning shows.
        source: the source it belongs to; None where it lies outside of landing.
    """
    encoding = source.encoding if source else "utf-8"
    yield _line("file", f"{path}; {_compression(look)}; encoding {encoding}")
    yield _line("source", source.name if source else "none: the file is not in landing/, or no `files` takes it")
    yield _line("format", look.why if look.format is None else f"{look.format}: {look.why}")
    if look.format is not None and look.shares:
        tried = sorted(look.shares.items(), key=lambda item: -item[1])
        fit = ", ".join(f"{name} {share:.0%}" for name, share in tried if share)
        rest = ", ".join(name for name, share in tried if not share)
        yield _line("tried", f"{fit or 'none fits'}{'; no line: ' + rest if rest else ''}")
    if look.format is not None:
        of = "its" if look.whole else "its first"
        yield _line("read", f"{look.events.height} of {of} {look.lines} lines are events")
    if look.events.height:
        yield _events(look.events.head(SHOWN))
    for line in look.rejected.head(SHOWN).iter_rows(named=True):
        reason = Reason(line["reason"])
        yield _line(
            "rejected", f"line {line['line_number']}, {reason}: {MEANING[reason]}: {printable(line['text'], LONGEST)}"
        )
    yield from _remedies(look)


def _compression(look: FirstLook) -> str:
    damage = ", damaged near its beginning" if look.damaged else ""
    return f"compressed with {look.packed}{damage}" if look.packed else "not compressed"


def _remedies(look: FirstLook) -> Iterator[Text]:
    without_offset = Reason.TIME_WITHOUT_OFFSET in look.rejected["reason"]
    if look.remedy:
        yield _line("remedy", look.remedy)
    if without_offset:
        yield _line("remedy", 'Times have no offset: set `utc_offset`, such as "+00:00", for its source.')
    elif not look.remedy and not look.understood:
        yield _line(
            "remedy", "No line of it could be read: set another `format` for its source in site.toml, or leave it out."
        )
    if look.undecodable:
        yield _line("remedy", f"{look.undecodable} lines do not fit the encoding: set `encoding`, such as cp1252.")


def _line(what: str, says: str) -> Text:
    return Text.assemble((f"{what:<9}", "bold"), printable(says))


def _events(events: pl.DataFrame) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("line", "time (UTC)", "host", "what", "referrer", "ip", "user agent"):
        table.add_column(heading, overflow="fold")
    for event in events.iter_rows(named=True):
        logged = " ".join(str(event[name]) for name in ("method", "url", "status") if event[name] is not None)
        values = (
            event["line_number"],
            event["event_timestamp"],
            event["hostname"],
            event["action_type"] or event["event_name"] or logged,
            event["referrer"],
            event["ip"] if event["forwarded_for"] is None else f"{event['ip'] or '-'} for {event['forwarded_for']}",
            event["user_agent"],
        )
        # Texts, not strings: rich takes a string's brackets for its markup.
        table.add_row(*(Text("-" if each is None else printable(str(each), _EXCERPT)) for each in values))
    return table
