"""What a machine of a cluster does with its part of a day: it knows Polars and files, and nothing of the cluster.

A day goes through two steps. First some rows of a file are read and made row by row, and cut into pieces, so that all
rows of a visitor are in pieces of one number. Then all pieces of a number, wherever they were cut, are made into one
part of each table: large ones are written as a file, of small ones what adds up is handed back.

Whatever is handed on is one of `Piece`s: frames as bytes of Arrow, which no engine between has to understand.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
from pydantic import ConfigDict, TypeAdapter

from growth_assets.contracts.contract import Finding
from growth_assets.contracts.sample import ROWS_SHOWN
from growth_assets.contracts.table import ByVisitor, Sums, Table, contract_of
from growth_assets.engines.local import OTHER_BYTES
from growth_assets.settings import Settings
from growth_assets.warehouse import durable
from growth_assets.warehouse.partitions import DAMAGE, Part, reason_of, write

ROWS, ASIDE, REPORT = "rows", "aside", "report"

PACKAGES = (
    "crawler-user-agents", "maxminddb", "mmh3", "numpy", "polars", "publicsuffixlist", "ua-parser",
    "ua-parser-builtins", "ua-parser-rs", "user-agents",
)  # fmt: skip
"""By which rows are made: all that the tables name, and what reads and computes for those."""

ROWS_OF_PIECE, BYTES_OF_PIECE = 500_000, 64 << 20
"""No piece has more rows, nor more bytes unless it is one row: Spark hands on 16 at once, and no 2 GB."""


class OtherCodeError(Exception):
    """A machine of the cluster would make other rows than this one."""


@dataclass(frozen=True)
class Piece:
    """Something on its way from one step to the next."""

    number: int
    """Those of the same number come together."""
    kind: str
    content: bytes


@dataclass(frozen=True)
class Range:
    """Some rows of a file."""

    path: str
    first: int
    rows: int
    sha256: str = ""
    """Of the whole file, as it landed: whoever reads its first rows compares it. "" where that is not known."""


@dataclass(frozen=True)
class Work:
    """What is to be made of a day, for all machines alike."""

    settings: Settings
    pieces: int
    visitor: str
    received: Table | None = None
    """Audited as its rows are read; None where the rows are those of `events`."""
    events: Table | None = None
    """Made by visitor and written; None where what is read is already of it."""
    aside: Table | None = None
    columns: tuple[str, ...] = ()
    """Of the events, those that are read, or that small tables are made of."""
    small: tuple[Table, ...] = ()
    """Tables of what adds up."""
    folder: str = ""
    """Where files are written, on a file system that is shared."""


@dataclass
class Report:
    """What was made of all pieces of one number, or of several."""

    number: int
    parts: dict[str, dict[int, Part]] = field(default_factory=dict)
    """Table name to number to the file that was made of the pieces of that number."""
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    """Table name to what its audit found."""
    numbers: dict[str, int] = field(default_factory=dict)
    """As the table's function counted on the way."""
    sums: dict[str, bytes] = field(default_factory=dict)
    """Table name to the rows that add up."""
    recounted: dict[str, list[Finding]] = field(default_factory=dict)
    """Table name to what of these rows the events do not say."""
    damaged: dict[str, str] = field(default_factory=dict)
    """Path of a file that cannot be read, and why."""


@lru_cache(maxsize=4)
def sent(content: bytes, code: str) -> Any:  # noqa: ANN401 - whatever the driver sends
    """What was sent: one object for all tasks of a day in a process, so that what it knows of it is kept.

    Raises:
        OtherCodeError: `this_code` is not the `code` of whoever sends it, by which alone it can be understood.
    """
    if code != this_code():
        raise OtherCodeError(f"a machine of the cluster has {this_code()}, and this one {code}")
    return pickle.loads(content)  # noqa: S301 - our own


def work_of(content: bytes, code: str) -> Work:
    """The work that was sent.

    Raises:
        OtherCodeError: as `sent`.
    """
    work = sent(content, code)
    if not isinstance(work, Work):
        raise TypeError(f"expected work, got {type(work).__name__}")
    return work


@lru_cache(maxsize=1)
def this_code() -> str:
    """Changes whenever other rows might be made: with the package, and with what it computes by."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(path for path in root.rglob("*") if path.suffix in {".py", ".toml", ".mmdb", ".csv"}):
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(path.read_bytes())
    used = " ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"growth_assets {digest.hexdigest()[:12]}, {used}, Python {sys.version_info[0]}.{sys.version_info[1]}"


def in_shares(
    files: Iterable[tuple[Path, int]], rows: int, digests: Mapping[Path, str] = MappingProxyType({})
) -> list[list[Range]]:
    """Files and how many rows each has, as what tasks of about so many `rows` each read.

    Of some files the SHA-256 is known that they are to have.
    """
    shares: list[list[Range]] = []
    room = 0
    for path, height in files:
        first = 0
        while first < height:
            if room == 0:
                shares.append([])
                room = rows
            taken = min(room, height - first)
            shares[-1].append(Range(str(path), first, taken, "" if first else digests.get(path, "")))
            first, room = first + taken, room - taken
    return shares


def cut(work: Work, share: Sequence[Range], number: int) -> Iterator[Piece]:
    """The first step: some rows of files; `number` tells the task from the others."""
    parts, here = [], number % work.pieces
    for chosen in share:
        wrong = ""
        try:
            source = pl.scan_parquet(chosen.path, hive_partitioning=False, glob=False)
            if work.columns and not work.events:
                source = source.select(work.columns)
            parts.append(source.slice(chosen.first, chosen.rows).collect())
            if chosen.sha256 and durable.sha256_of(Path(chosen.path)) != chosen.sha256:
                wrong = OTHER_BYTES
        except DAMAGE as error:
            wrong = reason_of(error)
        if wrong:
            # To try again would not help.
            yield Piece(here, REPORT, as_json(Report(here, damaged={chosen.path: wrong})))
            return
    rows = pl.concat(parts)
    del parts
    if work.received:
        found = list(contract_of(work.received, work.settings).audit(rows))
        yield Piece(here, REPORT, as_json(Report(here, findings={work.received.name: found})))
    if work.events:
        split = work.events.parts
        if not isinstance(split, ByVisitor):
            raise LookupError(f"{work.events.name} is not made by visitor")
        rows, aside = split.by_row(rows, work.settings)
        yield from (Piece(here, ASIDE, content) for content in in_pieces(aside))
    elif work.received:
        return
    for piece, part in _pieces(rows, work):
        yield from (Piece(piece, ROWS, content) for content in in_pieces(part))


def in_pieces(frame: pl.DataFrame) -> Iterator[bytes]:
    """The rows, in as many pieces as can be handed on."""
    for first in range(0, frame.height, ROWS_OF_PIECE):
        rows = frame.slice(first, ROWS_OF_PIECE)
        content = packed(rows)
        if len(content) <= BYTES_OF_PIECE or rows.height == 1:
            yield content
        else:
            half = rows.height // 2
            yield from in_pieces(rows[:half])
            yield from in_pieces(rows[half:])


def _pieces(rows: pl.DataFrame, work: Work) -> Iterator[tuple[int, pl.DataFrame]]:
    if work.pieces == 1:
        yield 0, rows
        return
    # The visitor is a hash: any of its bits spread visitors evenly.
    number = (rows[work.visitor].reinterpret(signed=False) % work.pieces).cast(pl.UInt32)
    order = number.arg_sort()
    rows, ends = rows[order], number.gather(order).rle_id()
    counted = pl.DataFrame({"number": number.gather(order), "run": ends}).group_by("run", maintain_order=True).agg(
        pl.col("number").first(), pl.len()
    )  # fmt: skip
    first = 0
    for piece, length in counted.select("number", "len").iter_rows():
        yield piece, rows.slice(first, length)
        first += length


def make(work: Work, pieces: Iterable[Piece]) -> Report | None:
    """The second step: all pieces of one number; None where there is none."""
    report, rows, aside = None, list[pl.DataFrame](), list[pl.DataFrame]()
    for piece in pieces:
        report = report or Report(piece.number)
        if piece.kind == ROWS:
            rows.append(unpacked(piece.content))
        elif piece.kind == ASIDE:
            aside.append(unpacked(piece.content))
        else:
            report = merged(work, [report, from_json(piece.content)])
    if report and (rows or aside):
        _make(work, report, rows, aside)
    return report


def _make(work: Work, report: Report, rows: list[pl.DataFrame], aside: list[pl.DataFrame]) -> None:
    if work.events and work.aside and isinstance(work.events.parts, ByVisitor):
        nothing = pl.DataFrame(schema=contract_of(work.aside, work.settings).dtypes)
        put_aside = pl.concat([nothing, *aside])
        if not rows:
            # What is put aside is counted by the same function, of no rows at all.
            rows.append(work.events.parts.by_row(put_aside.drop("rule").clear(), work.settings)[0])
        events = pl.concat(rows)
        rows.clear()
        built = work.events.parts.by_visitor(events, put_aside, work.settings)
        events = built.frame
        report.numbers.update(built.numbers)
        for table, frame in ((work.aside, built.beside[work.aside.name]), (work.events, events)):
            if frame.height:
                report.findings[table.name] = contract_of(table, work.settings).audit(frame)
                report.parts.setdefault(table.name, {})[report.number] = _written(work, table, frame, report.number)
        events = events.select(work.columns) if work.columns else events
        del built
    else:
        events = pl.concat(rows)
    if events.height:
        lazy = events.lazy()
        for table in work.small:
            if isinstance(table.parts, Sums):
                part = table.parts.part(lazy, work.settings)
                report.sums[table.name] = packed(part)
                report.recounted[table.name] = list(table.parts.recount(lazy, part, work.settings))


def _written(work: Work, table: Table, frame: pl.DataFrame, number: int) -> Part:
    """The rows as a file of their own: of two attempts at the same part each has one, and one of them is reported."""
    path = Path(work.folder) / f"{table.name}-{number:05}-{os.getpid()}-{secrets.token_hex(8)}.parquet"
    write(frame, path)
    durable.sync_file(path)
    return Part(path, frame.height, path.stat().st_size, durable.sha256_of(path))


def added(several: Sequence[Sequence[Finding]]) -> list[Finding]:
    """What was found of all parts together, rule by rule."""
    by_rule: dict[str, Finding] = {}
    for finding in (finding for findings in several for finding in findings):
        known = by_rule.get(finding.rule)
        by_rule[finding.rule] = finding if known is None else Finding(
            finding.rule, known.rows + finding.rows, known.broken + finding.broken, finding.description,
            (*known.sample, *finding.sample)[:ROWS_SHOWN],
        )  # fmt: skip
    return list(by_rule.values())


def merged(work: Work, reports: Sequence[Report]) -> Report:
    """Several reports as one; what is lost or made up as sums are added breaks the agreement of their table."""
    whole = Report(min((report.number for report in reports), default=0))
    for report in sorted(reports, key=lambda each: each.number):
        for name, parts in report.parts.items():
            # Of what a machine says no other file can be meant than one that it was to write.
            here = {number: replace(part, path=Path(work.folder) / part.path.name) for number, part in parts.items()}
            whole.parts.setdefault(name, {}).update(here)
        for name, findings in report.findings.items():
            whole.findings[name] = added([whole.findings.get(name, []), findings])
        for name, findings in report.recounted.items():
            whole.recounted[name] = added([whole.recounted.get(name, []), findings])
        for name, value in report.numbers.items():
            whole.numbers[name] = whole.numbers.get(name, 0) + value
        whole.damaged |= report.damaged
    for table in work.small:
        rows_of_parts = [unpacked(report.sums[table.name]) for report in reports if table.name in report.sums]
        if rows_of_parts and isinstance(table.parts, Sums):
            rows = table.parts.together(rows_of_parts)
            whole.sums[table.name] = packed(rows)
            whole.recounted[table.name] = with_sums(whole.recounted[table.name], rows_of_parts, rows, table.parts.key)
    return whole


def with_sums(
    found: Sequence[Finding], parts: Sequence[pl.DataFrame], frame: pl.DataFrame, key: Sequence[str]
) -> list[Finding]:
    """What was found of the parts, and beside it how many groups of `frame` are not what the parts are together."""
    measures = [finding.rule for finding in found]
    both = pl.concat([*(part.select(*key, *measures) for part in parts), frame.select(*key, -pl.col(measures))])
    off = both.group_by(key).agg(pl.col(measures).sum() != 0).select(pl.col(measures).sum())
    return [replace(finding, rows=frame.height, broken=finding.broken + off[finding.rule].item()) for finding in found]


def as_json(report: Report) -> bytes:
    """A report as it goes from machine to machine: nothing that one says is code to another."""
    return _reports().dump_json([report])


def from_json(content: bytes) -> Report:
    """The report that `as_json` made.

    Raises:
        ValueError: it is none.
    """
    (report,) = _reports().validate_json(content)
    return report


@lru_cache(maxsize=1)
def _reports() -> TypeAdapter[list[Report]]:
    how = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants")
    return TypeAdapter(list[Report], config=how)


def packed(frame: pl.DataFrame) -> bytes:
    """A frame as bytes."""
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="lz4")
    return buffer.getvalue()


def unpacked(content: bytes) -> pl.DataFrame:
    """The frame of these bytes."""
    return pl.read_ipc(io.BytesIO(content))
