"""The partitions of the tables: written aside, audited by the caller, then published by one rename or one put.

Layout: `<root>/<schema>/<table>/ds=YYYY-MM-DD/part.parquet`, beside it `_built.json`, which says from what the
partition was built. The old record is removed before the partition is replaced and the new one written after it; where
a crash falls between the two, the partition counts as out of date and is built again to the same bytes.

What several machines made is several files: then there is no `part.parquet`, but `parts`, a link to the folder with
the files. By one rename one link takes the place of another, and a file goes into such a folder. Such a day has a link
from then on, to a folder with its one file where it has one.

The root may be on an object store. What is staged, refused or locked is on this machine all the same, in the workplace;
for a warehouse on disk that is the root itself.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars.io.plugins import register_io_source
from upath import UPath

from growth_assets.contracts.packed_texts import of_files
from growth_assets.contracts.table import Table
from growth_assets.places import Place, is_remote
from growth_assets.settings import Settings
from growth_assets.warehouse import durable, locks, objects, row_groups
from growth_assets.warehouse.as_numbers import Groups

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
PART = "part.parquet"
PARTS = "parts"
RECORD = "_built.json"
NO_DAY = "ds=none"
"""Beside the days of a table, and none of them: its files, one of each form that a day may have, have no rows."""


class Packing(TypedDict):
    """How Polars is told to write a file."""

    compression: Literal["zstd"]
    compression_level: int
    statistics: bool


PACKING: Packing = {"compression": "zstd", "compression_level": 1, "statistics": True}
"""Of every file of rows, so that its bytes depend on its rows alone.

The first level: as small as with Polars' own, since what repeats is in dictionaries by then, and a fifth faster.
"""

ROW_GROUP = 1_000_000
"""Rows of a table that are packed together."""

DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What Polars raises where it reads a Parquet file whose bytes are wrong."""


class WarehouseError(Exception):
    """The warehouse cannot be read or written; the message names the path and the remedy."""


class OtherBytesError(Exception):
    """Files have other bytes than they should: `places` are theirs among those that were given."""

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__(f"files {', '.join(map(str, places))} have other bytes")
        self.places = places


@dataclass(frozen=True)
class Record:
    """From what a published partition was built, and what is in it."""

    rows: int
    sha256: str
    """Of the partition's file, or of the digests of its files: its data version."""
    size: int
    inputs: Mapping[str, str]
    """Upstream name to its data version."""
    code_version: str
    numbers: Mapping[str, int]


@dataclass(frozen=True)
class Part:
    """One of several files that a partition is staged as."""

    path: Path
    rows: int
    size: int
    sha256: str
    """Of its bytes, or of what they are made from."""


Staged = Path | Sequence[Part]
"""A partition that is not published yet: one file, or several in order."""


class Warehouse:
    """The tables' partitions below one folder or prefix."""

    def __init__(self, root: Place, workplace: Path | None = None) -> None:
        """`workplace` is a folder of this machine; whoever builds into a store needs one."""
        self.root = root
        self._workplace = workplace or (None if is_remote(root) else root)
        self._records: dict[tuple[str, str], Record | None] | None = None
        """What was read of records, by table and day, where they are not to be read again."""
        self._all_read = False

    @classmethod
    def of(cls, settings: Settings) -> Warehouse:
        """The site's warehouse."""
        return cls(settings.warehouse, settings.workplace)

    @property
    def workplace(self) -> Path:
        """The folder of this machine where partitions are staged, refused and locked."""
        if self._workplace is None:
            raise WarehouseError(f"{self.root}: no folder of this machine was named to build in")
        return self._workplace

    def folder(self, table: Table) -> Place:
        """Where the partitions of `table` are."""
        return self.root / table.schema / table.short_name

    def path(self, table: Table, ds: str) -> Place:
        """The published file of one day, where it is one."""
        if not DAY.fullmatch(ds):
            raise WarehouseError(f"{ds!r} is no day of the form YYYY-MM-DD")
        return self.folder(table) / f"ds={ds}" / PART

    def files(self, table: Table, ds: str) -> list[Place]:
        """The published files of one day, in order; none where it is not published."""
        path = self.path(table, ds)
        if path.exists():
            return [path]
        if is_remote(path):
            return []
        try:
            # By the folder that it is now: the next publication leaves its files as they are, or removes them.
            return sorted(path.with_name(PARTS).resolve(strict=True).glob("*.parquet"))
        except FileNotFoundError:
            return []

    def is_published(self, table: Table, ds: str) -> bool:
        """True where the day is there."""
        path = self.path(table, ds)
        return path.exists() or (not is_remote(path) and path.with_name(PARTS).exists())

    def rows(self, table: Table, ds: str) -> int:
        """How many rows the published files of one day hold, from the files themselves."""
        return sum(rows_of(path) for path in self.files(table, ds))

    def days(self, table: Table) -> list[str]:
        """The published days, in order."""
        folder = self.folder(table)
        if is_remote(folder):
            there = (name.removesuffix(f"/{PART}") for name in objects.sizes(folder) if name.endswith(f"/{PART}"))
            return sorted(name[3:] for name in there if name.startswith("ds=") and DAY.fullmatch(name[3:]))
        try:
            entries = [path.name for path in folder.iterdir()]
        except FileNotFoundError:
            return []
        days = (entry[3:] for entry in entries if entry.startswith("ds=") and DAY.fullmatch(entry[3:]))
        return sorted(ds for ds in days if self.is_published(table, ds))

    def keeps_both_forms(self, table: Table) -> bool:
        """True where days of one file and of several may take each other's place, and `keep_both_forms` was called."""
        folder = self.folder(table)
        return not is_remote(folder) and (folder / NO_DAY).exists()

    def keep_both_forms(self, table: Table, nothing: pl.DataFrame) -> None:
        """Have a file without rows in each form that a day may have, so that a view may name both, whatever changes.

        Hold the catalogue's lock. `nothing` has the table's columns.
        """
        folder = self.folder(table)
        if is_remote(folder):
            return
        folder = folder / NO_DAY
        folder.mkdir(parents=True, exist_ok=True)
        for final in (folder / PART, folder / PARTS / PART):
            staged = folder / f".{PART}.new"
            write(nothing, staged)
            if final.exists() and final.read_bytes() == staged.read_bytes():
                staged.unlink()
            else:
                durable.put_in_place(staged, final)

    def scan(self, table: Table, ds: str) -> pl.LazyFrame:
        """The rows of one published day."""
        files = self.files(table, ds)
        if not files:
            raise WarehouseError(
                f"{table.name} of {ds} is not published: no {self.path(table, ds)}. Build that day first."
            )
        return scan(*files)

    def scan_held(self, table: Table, ds: str) -> pl.LazyFrame:
        """The rows of one published day, however many, for whoever holds the day: from a copy, if it is on a store."""
        path = self.path(table, ds)
        there = [self._fetched(table, ds, path)] if is_remote(path) else self.files(table, ds)
        files = [each for each in there if isinstance(each, Path)]
        return of_files(scan(*files), files)

    def scan_days(self, table: Table, days: list[str]) -> pl.LazyFrame:
        """The rows of several published days; days that are not published have none."""
        there = [self.scan(table, ds) for ds in days if self.is_published(table, ds)]
        if not there:
            raise WarehouseError(f"{table.name} has no published day among those asked for. Run `growth-assets build`.")
        return pl.concat(there)

    def record(self, table: Table, ds: str) -> Record | None:
        """What the published partition was built from; None where that is not known for sure."""
        if self._records is None:
            return _recorded(self.path(table, ds))
        known = (table.name, ds)
        if known not in self._records and not self._all_read:
            self._records[known] = _recorded(self.path(table, ds))
        return self._records.get(known)

    def at_a_look(self, tables: Sequence[Table]) -> Warehouse:
        """The same, with each record of `tables` read once: for questions about what nobody changes meanwhile."""
        seen = self.looked_through(tables)
        if seen is self:
            seen = Warehouse(self.root, self._workplace)
            seen._records = {}
        return seen

    def but_for(self, days: Collection[str], tables: Sequence[Table]) -> Warehouse:
        """What `at_a_look` gave, where `days` were built since then."""
        if self._records is None or self._all_read:
            return self.at_a_look(tables)
        seen = Warehouse(self.root, self._workplace)
        seen._records = {known: record for known, record in self._records.items() if known[1] not in days}
        return seen

    def looked_through(self, tables: Sequence[Table]) -> Warehouse:
        """The same, with all records of a store as they are now: to ask for them one by one takes long."""
        if not is_remote(self.root):
            return self
        seen = Warehouse(self.root, self._workplace)
        seen._records, seen._all_read = {}, True
        for table, folder in [(table, folder) for table in tables if is_remote(folder := self.folder(table))]:
            there = objects.sizes(folder)
            names = [name for name in there if name.endswith(f"/{RECORD}")]
            for where, content in durable.read_jsons([folder / name for name in names]):
                day = where.parent.name
                size = there.get(f"{day}/{PART}")
                if content and size is not None and (record := _record(content, size)):
                    seen._records[table.name, day.removeprefix("ds=")] = record
        return seen

    @contextmanager
    def building(self, ds: str) -> Iterator[int]:
        """Hold the day: of two runs on the same day, one waits for the other, so tables never mix.

        Gives the descriptor of the lock.
        """
        with locks.exclusive(self.workplace / "_locks" / f"ds={ds}.lock") as lock:
            # Whatever is staged for this day was left by a builder that died: nobody else holds the day.
            shutil.rmtree(self._staging(ds), ignore_errors=True)
            yield lock
            shutil.rmtree(self._staging(ds), ignore_errors=True)

    def stage(self, table: Table, ds: str, frame: pl.DataFrame) -> Path:
        """Write `frame`, numbered texts as texts, where no reader looks, as the file that may be published."""
        staged = self._staged_path(table, ds)
        write(frame, staged)
        return staged

    def stage_files(
        self, table: Table, ds: str, files: Sequence[Path], digests: Sequence[str] = (), rows: int = 0
    ) -> Path:
        """Stage the rows of `files`, in order: one file as a link, several as one copy.

        `digests` and `rows` are those of `stage_as_packed`, and so is what it raises.
        """
        staged = self._staged_path(table, ds)
        if len(files) == 1:
            try:
                os.link(files[0], staged)
            except OSError:  # a file system without links
                shutil.copyfile(files[0], staged)
            return staged
        if packed := self.stage_as_packed(table, ds, files, digests, rows):
            return packed
        scan(*files).sink_parquet(staged, **PACKING, row_group_size=ROW_GROUP, maintain_order=True)
        return staged

    def stage_as_packed(
        self, table: Table, ds: str, files: Sequence[Path], digests: Sequence[str], rows: int
    ) -> Path | None:
        """Stage the rows of several large files, in order, as they are packed; None where that is not to be.

        They have so many `rows`, and their bytes the SHA-256 that `digests` says: nothing that is damaged is copied.

        Raises:
            OtherBytesError: some of them are large and have not.
        """
        staged = self._staged_path(table, ds)
        if rows < row_groups.WORTH * len(files):
            return None
        known = enumerate(zip(files, digests, strict=True))
        if other := [place for place, (path, digest) in known if durable.sha256_of(path) != digest]:
            raise OtherBytesError(other)
        return staged if row_groups.together(files, staged) else None

    def at_hand(self, table: Table, ds: str, files: Sequence[Place]) -> list[Path]:
        """The files, or copies of them where they are on a store; whoever asks holds the day."""
        return [self._fetched(table, ds, file) if is_remote(file) else file for file in files]

    def staging_folder(self, table: Table, ds: str) -> Path:
        """A new folder where no reader looks, for the files of a partition that several machines make."""
        folder = self._staged_path(table, ds).with_suffix("")
        folder.mkdir()
        return folder

    def link_parts(self, table: Table, ds: str, files: Sequence[Path], version: str) -> list[Part]:
        """Stage `files`, in order, as they are; `version` changes whenever what they hold does."""
        folder, parts = self.staging_folder(table, ds), []
        for number, path in enumerate(files):
            link = folder / f"{number:05}.parquet"
            try:
                link.hardlink_to(path)
            except OSError:  # a file system without links
                shutil.copyfile(path, link)
                durable.sync_file(link)
            parts.append(Part(link, rows_of(link), link.stat().st_size, durable.digest_of([version, number])))
        return parts

    def _fetched(self, table: Table, ds: str, where: UPath) -> Path:
        path = self._staged_path(table, ds)
        objects.fetch(where, path)
        return path

    def publish(
        self, table: Table, ds: str, staged: Staged, *, rows: int, inputs: Mapping[str, str], code_version: str,
        numbers: Mapping[str, int] | None = None, digest: str = "",
    ) -> Record:  # fmt: skip
        """Make what is staged the published partition, and record from what it was built.

        `digest` is the SHA-256 of a file's bytes, where that is known.
        """
        one = staged if isinstance(staged, Path) else None
        several: Sequence[Part] = () if isinstance(staged, Path) else staged
        record = Record(
            rows=rows,
            sha256=digest or durable.sha256_of(one) if one else durable.digest_of([part.sha256 for part in several]),
            size=one.stat().st_size if one else sum(part.size for part in several),
            inputs=dict(inputs),
            code_version=code_version,
            numbers=dict(numbers or {}),
        )
        final = self.path(table, ds)
        if one is not None and not is_remote(final) and not final.parent.exists():
            durable.put_in_place(one, final, beside=(RECORD, record.__dict__))
            return record
        # First the old record goes: a crash must not leave it beside a new file that happens to be as long. And so does
        # what a builder left that died while it wrote one: nobody else holds the day.
        durable.remove_file(final.with_name(RECORD))
        if not is_remote(final):
            for old in final.parent.glob(f".{RECORD}.*"):
                old.unlink(missing_ok=True)
            _lead_again(final)
        if one and not is_remote(final) and not final.exists() and final.with_name(PARTS).is_symlink():
            # A day keeps this form: who looks for days of one file first, and then for others, misses none that
            # changes meanwhile only where none changes back.
            durable.sync_file(one)
            several, one = [Part(one, rows, record.size, record.sha256)], None
        if one is None:
            if is_remote(final):
                raise WarehouseError(f"{self.root}: a partition on a store is one object, and {table.name} is several")
            _put_parts(several, final, record.sha256)
            durable.write_json(final.with_name(RECORD), record.__dict__)
            return record
        if not is_remote(final) and final.exists():
            _forget_parts(final, None)  # a builder died that left them; beside the file they hold nothing
        durable.put_in_place(one, final, beside=(RECORD, record.__dict__))
        return record

    def withdraw(self, table: Table, ds: str) -> None:
        """Take a published partition back: there is nothing to be in it any more."""
        final = self.path(table, ds)
        durable.remove_file(final.with_name(RECORD))
        if not is_remote(final):
            _lead_again(final)
        durable.remove_file(final)
        if not is_remote(final):
            _forget_parts(final, None)
        durable.sync_folder(final.parent)

    def refuse(self, table: Table, ds: str, staged: Staged) -> Path:
        """Keep what is staged and failed its audit, outside of every table, for whoever looks into it."""
        path = self.refused(table, ds)
        self.forget_refused(table, ds)
        if isinstance(staged, Path):
            durable.put_in_place(staged, path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            _gathered(staged, "refused").rename(path)
        return path

    def forget_refused(self, table: Table, ds: str) -> None:
        """Drop what was kept of a day that is published now."""
        path = self.refused(table, ds)
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)

    def refused(self, table: Table, ds: str) -> Path:
        """Where the rows of a refused day are kept: a file, or a folder of several."""
        return self.workplace / "_refused" / table.schema / table.short_name / f"ds={ds}.parquet"

    def _staging(self, ds: str) -> Path:
        return self.workplace / "_staging" / f"ds={ds}"

    def _staged_path(self, table: Table, ds: str) -> Path:
        folder = self._staging(ds)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{table.name}-{os.getpid()}-{secrets.token_hex(4)}.parquet"


def _gathered(parts: Sequence[Part], name: str) -> Path:
    """The staged files in one folder beside them, in order; files of the same name hold the same bytes."""
    folder = parts[0].path.parent / name
    folder.mkdir()
    for number, part in enumerate(parts):
        part.path.rename(folder / f"{number:05}-{part.sha256[:8]}.parquet")
    durable.sync_folder(folder)
    return folder


def _put_parts(parts: Sequence[Part], final: Path, digest: str) -> None:
    """Publish several files in place of what is published as `final`, or in other files."""
    if final.exists():
        _forget_parts(final, None)  # a builder died that left them; beside the file they hold nothing
    folder, link = _new_folder(final, digest), final.with_name(PARTS)
    _gathered(parts, "whole").rename(folder)
    if final.exists():
        # The one old file goes into a folder of its own, at once, and then that folder gives way to the new one.
        alone = _new_folder(final, "alone")
        _point(link, alone)
        final.rename(alone / PART)
    _point(link, folder)
    _forget_parts(final, folder)


def _new_folder(final: Path, digest: str) -> Path:
    """An empty folder for files in place of `final`."""
    for number in itertools.count():
        folder = final.with_name(f"_{PARTS}-{digest[:_TOLD]}{f'-{number}' if number else ''}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError


_TOLD = 16
"""So much of a digest is in the name of a folder."""


def _point(link: Path, folder: Path) -> None:
    """Have `link` lead to `folder` beside it: readers see what was there before, or the folder."""
    new = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
    new.symlink_to(folder.name)
    new.replace(link)
    durable.sync_folder(link.parent)


def _lead_again(final: Path) -> None:
    """Have a link in its place again where a copy of the warehouse that followed links has what it led to."""
    link = final.with_name(PARTS)
    if link.is_dir() and not link.is_symlink():
        folder = _new_folder(final, "copied")
        link.rename(folder)
        _point(link, folder)


def _forget_parts(final: Path, kept: Path | None) -> None:
    """Remove folders of files in place of `final`, but for the one that is `kept`, and links to them."""
    if kept is None:
        final.with_name(PARTS).unlink(missing_ok=True)
    for folder in final.parent.glob(f"_{PARTS}-*"):
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)
    for left in final.parent.glob(f".{PARTS}.*"):
        left.unlink(missing_ok=True)


def write(frame: pl.DataFrame, path: Path) -> None:
    """Write rows, numbered texts as texts."""
    groups = Groups(frame, ROW_GROUP)
    if frame.height <= ROW_GROUP:
        (rows,) = groups
        rows.write_parquet(path, **PACKING, row_group_size=ROW_GROUP, metadata=groups.metadata)
    else:
        as_they_come(lambda: iter(groups), groups.schema).sink_parquet(
            path, **PACKING, row_group_size=ROW_GROUP, maintain_order=True, metadata=groups.metadata
        )


def as_they_come(frames: Callable[[], Iterator[pl.DataFrame]], schema: pl.Schema) -> pl.LazyFrame:
    """The rows of `frames`, which are asked for when they are written; never are all of them in memory."""

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        # A file holds every row and column; a plan that asked for less would lose some.
        if with_columns is not None or predicate is not None or n_rows is not None:
            raise AssertionError("a file is written whole")
        del batch_size
        yield from frames()

    return register_io_source(io_source=source, schema=schema)


def _recorded(path: Place) -> Record | None:
    """The record beside the partition's file at `path`, or beside its files."""
    try:
        if is_remote(path):
            content = durable.read_json(path.with_name(RECORD))
            return _record(content, path.stat().st_size) if content else None
        # Not by pathlib: a build asks for thousands.
        part = str(path)
        content = durable.read_json_on_disk(part.removesuffix(PART) + RECORD)
        return _record(content, os.stat(part).st_size) if content else None  # noqa: PTH116
    except FileNotFoundError:
        return _recorded_of_parts(path, content) if content and not is_remote(path) else None


def _recorded_of_parts(path: Path, content: Mapping[str, Any]) -> Record | None:
    """The record that holds `content`, beside the link to the files that stand in for the one at `path`."""
    link = path.with_name(PARTS)
    if not link.is_symlink():
        return None  # a copy of the warehouse that followed links
    folder = link.parent / link.readlink()
    try:
        known = _record(content, sum(each.stat().st_size for each in folder.glob("*.parquet")))
    except FileNotFoundError:
        return None
    return known if known and folder.name.startswith(f"_{PARTS}-{known.sha256[:_TOLD]}") else None


def _record(content: Mapping[str, Any], size: int) -> Record | None:
    """The record as it was written; None where it speaks of other files than those of `size` beside it."""
    try:
        return Record(**content) if content["size"] == size else None
    except (KeyError, TypeError):
        return None


def scan(path: Place, *more: Place) -> pl.LazyFrame:
    """The rows of a Parquet file: of one version of it, also where it is replaced before they are read.

    Or of several files, none of which is ever replaced.
    """
    if more:
        files = [each for each in (path, *more) if isinstance(each, Path)]
        return pl.scan_parquet(files, hive_partitioning=False, glob=False)
    if is_remote(path):
        return pl.scan_parquet(io.BytesIO(objects.content(path)), hive_partitioning=False, glob=False)
    # Of a path Polars reads the end first, and opens it anew for the rows: of a file that was replaced in between it
    # makes wrong rows or a panic. An open file it keeps for itself.
    with path.open("rb") as file:
        return pl.scan_parquet(file, hive_partitioning=False, glob=False)


def unreadable(path: Place) -> str:
    """What is wrong with a Parquet file that cannot be read to its end; "" where it can. Reads all of it."""
    try:
        scan(path).collect()
    except DAMAGE as error:
        return reason_of(error)
    return ""


def reason_of(damage: BaseException) -> str:
    """What of Polars' error is told of a damaged file: its first line."""
    return (str(damage).splitlines() or [type(damage).__name__])[0]


def rows_of(path: Place) -> int:
    """Rows of a Parquet file, from the file itself."""
    if is_remote(path):
        return objects.parquet_rows(path)
    # A file that is open already: of a path pyarrow asks first what kind of file system it is of.
    with pa.OSFile(str(path)) as file:
        return int(pq.read_metadata(file).num_rows)
