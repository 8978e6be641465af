"""The partitions of the tables: written aside, audited by the caller, then published by one rename.

Layout: `<root>/<schema>/<table>/ds=YYYY-MM-DD/part.parquet`, beside it `_built.json`, which says from what the
partition was built. The old record is removed before the partition is replaced and the new one written after it; where
a crash falls between the two, the partition counts as out of date and is built again to the same bytes.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from growth_assets.contracts.table import Table
from growth_assets.warehouse import durable, locks

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
PART = "part.parquet"
RECORD = "_built.json"


class WarehouseError(Exception):
    """The warehouse cannot be read or written; the message names the path and the remedy."""


@dataclass(frozen=True)
class Record:
    """From what a published partition was built, and what is in it."""

    rows: int
    sha256: str
    """Of the partition's file: its data version."""
    size: int
    inputs: Mapping[str, str]
    """Upstream name to its data version."""
    code_version: str
    numbers: Mapping[str, int]


class Warehouse:
    """The tables' partitions below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, table: Table) -> Path:
        """Where the partitions of `table` are."""
        return self.root / table.schema / table.short_name

    def path(self, table: Table, ds: str) -> Path:
        """The published file of one day."""
        if not DAY.fullmatch(ds):
            raise WarehouseError(f"{ds!r} is no day of the form YYYY-MM-DD")
        return self.folder(table) / f"ds={ds}" / PART

    def days(self, table: Table) -> list[str]:
        """The published days, in order."""
        try:
            entries = [path.name for path in self.folder(table).iterdir()]
        except FileNotFoundError:
            return []
        days = (entry[3:] for entry in entries if entry.startswith("ds=") and DAY.fullmatch(entry[3:]))
        return sorted(ds for ds in days if self.path(table, ds).exists())

    def scan(self, table: Table, ds: str) -> pl.LazyFrame:
        """The rows of one published day."""
        path = self.path(table, ds)
        if not path.exists():
            raise WarehouseError(f"{table.name} of {ds} is not published: no {path}. Build that day first.")
        return pl.scan_parquet(path, hive_partitioning=False, glob=False)

    def scan_days(self, table: Table, days: list[str]) -> pl.LazyFrame:
        """The rows of several published days; days that are not published have none."""
        there = [self.scan(table, ds) for ds in days if self.path(table, ds).exists()]
        if not there:
            raise WarehouseError(f"{table.name} has no published day among those asked for. Run `growth-assets build`.")
        return pl.concat(there)

    def record(self, table: Table, ds: str) -> Record | None:
        """What the published partition was built from; None where that is not known for sure."""
        path = self.path(table, ds)
        content = durable.read_json(path.with_name(RECORD))
        try:
            if content is None or path.stat().st_size != content["size"]:
                return None
            return Record(**content)
        except (OSError, KeyError, TypeError):
            return None

    @contextmanager
    def building(self, ds: str) -> Iterator[None]:
        """Hold the day: of two runs on the same day, one waits for the other, so tables never mix."""
        with locks.exclusive(self.root / "_locks" / f"ds={ds}.lock"):
            # Whatever is staged for this day was left by a builder that died: nobody else holds the day.
            shutil.rmtree(self._staging(ds), ignore_errors=True)
            yield
            shutil.rmtree(self._staging(ds), ignore_errors=True)

    def stage(self, table: Table, ds: str, frame: pl.DataFrame) -> Path:
        """Write `frame` where no reader looks, as the file that may be published."""
        staged = self._staged_path(table, ds)
        frame.write_parquet(staged, compression="zstd", statistics=True, row_group_size=1_000_000)
        return staged

    def stage_files(self, table: Table, ds: str, files: list[Path]) -> Path:
        """Stage the rows of `files`, in order: one file as a link, several as one copy."""
        staged = self._staged_path(table, ds)
        if len(files) == 1:
            try:
                os.link(files[0], staged)
            except OSError:  # a file system without links
                shutil.copyfile(files[0], staged)
        else:
            frames = [pl.scan_parquet(path, hive_partitioning=False, glob=False) for path in files]
            pl.concat(frames).sink_parquet(
                staged, compression="zstd", statistics=True, row_group_size=1_000_000, maintain_order=True
            )
        return staged

    def publish(
        self, table: Table, ds: str, staged: Path, *, rows: int, inputs: Mapping[str, str], code_version: str,
        numbers: Mapping[str, int] | None = None,
    ) -> Record:  # fmt: skip
        """Make a staged file the published one, and record from what it was built."""
        record = Record(
            rows=rows,
            sha256=durable.sha256_of(staged),
            size=staged.stat().st_size,
            inputs=dict(inputs),
            code_version=code_version,
            numbers=dict(numbers or {}),
        )
        final = self.path(table, ds)
        # First the old record goes: a crash must not leave it beside a new file that happens to be as long. And so does
        # what a builder left that died while it wrote one: nobody else holds the day.
        for old in (final.with_name(RECORD), *final.parent.glob(f".{RECORD}.*")):
            old.unlink(missing_ok=True)
        durable.put_in_place(staged, final)
        durable.write_json(final.with_name(RECORD), record.__dict__)
        return record

    def withdraw(self, table: Table, ds: str) -> None:
        """Take a published partition back: there is nothing to be in it any more."""
        final = self.path(table, ds)
        final.with_name(RECORD).unlink(missing_ok=True)
        final.unlink(missing_ok=True)
        durable.sync_folder(final.parent)

    def refuse(self, table: Table, ds: str, staged: Path) -> Path:
        """Keep a staged file that failed its audit, outside of every table, for whoever looks into it."""
        path = self.refused(table, ds)
        durable.put_in_place(staged, path)
        return path

    def forget_refused(self, table: Table, ds: str) -> None:
        """Drop what was kept of a day that is published now."""
        self.refused(table, ds).unlink(missing_ok=True)

    def refused(self, table: Table, ds: str) -> Path:
        """Where the rows of a refused day are kept."""
        return self.root / "_refused" / table.schema / table.short_name / f"ds={ds}.parquet"

    def _staging(self, ds: str) -> Path:
        return self.root / "_staging" / f"ds={ds}"

    def _staged_path(self, table: Table, ds: str) -> Path:
        folder = self._staging(ds)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{table.name}-{os.getpid()}-{secrets.token_hex(4)}.parquet"


def rows_of(path: Path) -> int:
    """Rows of a Parquet file, from the file itself."""
    return int(pl.scan_parquet(path, hive_partitioning=False, glob=False).select(pl.len()).collect().item())
