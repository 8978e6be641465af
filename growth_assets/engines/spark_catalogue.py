"""The large tables in the cluster's own catalogue: external ones, over the files that are published.

A table there knows the folder of each of its days, and reads the files that are in it at that moment. So what is
published is there at once; only a day that is new, or has become several files, has to be told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import polars as pl

from growth_assets.contracts.columns import MAP
from growth_assets.contracts.contract import Contract
from growth_assets.contracts.table import ByVisitor, Table
from growth_assets.warehouse.partitions import PARTS, Warehouse, WarehouseError

SQL_TYPES: dict[pl.DataType, str] = {
    pl.Int64(): "BIGINT",
    pl.Int32(): "INT",
    pl.String(): "STRING",
    pl.Boolean(): "BOOLEAN",
    pl.Float64(): "DOUBLE",
    pl.Datetime("us"): "TIMESTAMP_NTZ",
    MAP: "MAP<STRING, STRING>",
}
"""Polars type to Spark's, for every type a contract uses."""

DAYS_AT_ONCE = 500
"""So many days are told in one statement."""


class Session(Protocol):
    """What statements are put to."""

    def sql(self, statement: str) -> Sequence[Sequence[object]]:
        """The rows of a statement."""


def kept(tables: Sequence[Table]) -> list[Table]:
    """Those that may be too large for one machine: events as received, as made by visitor, and those put aside."""
    events = {table.name for table in tables if table.build is None or isinstance(table.parts, ByVisitor)}
    return [table for table in tables if table.name in events or table.built_with in events]


def name_of(database: str, table: Table) -> str:
    """The table's name in the catalogue, quoted."""
    return f"{_quoted(database)}.{_quoted(f'{table.schema}_{table.short_name}')}"


def ensure(session: Session, database: str, warehouse: Warehouse, table: Table, contract: Contract) -> None:
    """Have the table in the database, with the columns of its contract and all days that are published."""
    session.sql(f"CREATE DATABASE IF NOT EXISTS {_quoted(database)}")
    name, columns = name_of(database, table), _columns(contract)
    found = session.sql(f"SHOW TABLES IN {_quoted(database)} LIKE {_text(f'{table.schema}_{table.short_name}')}")
    there = {}
    if found:
        # Below the columns are the partition's, under a heading.
        told = session.sql(f"DESCRIBE TABLE {name}")
        there = {str(row[0]): str(row[1]).upper() for row in told if row[0] and not str(row[0]).startswith("#")}
    if there != {column: sql.replace(", ", ",") for column, sql in columns.items()}:
        session.sql(f"DROP TABLE IF EXISTS {name}")
        session.sql(
            f"CREATE TABLE {name} ({', '.join(f'{_quoted(column)} {sql}' for column, sql in columns.items())}) "
            f"USING parquet PARTITIONED BY (ds) LOCATION {_text(_location(_folder(warehouse, table)))}"
        )
    known = {str(row[0]).partition("=")[2] for row in session.sql(f"SHOW PARTITIONS {name}")}
    published = warehouse.days(table)
    missing = [ds for ds in published if ds not in known]
    for ds in known.intersection(published):
        # It may have been of one file when it was told, and nobody told that it is of several now.
        if _parts(warehouse, table, ds).is_symlink():
            _place(session, name, _day(warehouse, table, ds))
    for first in range(0, len(missing), DAYS_AT_ONCE):
        said = " ".join(_day(warehouse, table, ds) for ds in missing[first : first + DAYS_AT_ONCE])
        session.sql(f"ALTER TABLE {name} ADD IF NOT EXISTS {said}")
    for ds in sorted(known.difference(published)):
        session.sql(f"ALTER TABLE {name} DROP IF EXISTS PARTITION (ds = {_text(ds)})")


def tell(session: Session, database: str, warehouse: Warehouse, table: Table, ds: str) -> None:
    """Have a day that was published in the table, where it is now."""
    name, day = name_of(database, table), _day(warehouse, table, ds)
    session.sql(f"ALTER TABLE {name} ADD IF NOT EXISTS {day}")
    _place(session, name, day)


def _place(session: Session, name: str, day: str) -> None:
    session.sql(f"ALTER TABLE {name} {day.replace(' LOCATION ', ' SET LOCATION ', 1)}")


def _columns(contract: Contract) -> dict[str, str]:
    """Column to type, the partition's last, as Spark has it."""
    types = {column: SQL_TYPES[dtype] for column, dtype in contract.dtypes.items()}
    return {**{column: sql for column, sql in types.items() if column != "ds"}, "ds": types["ds"]}


def _day(warehouse: Warehouse, table: Table, ds: str) -> str:
    link = _parts(warehouse, table, ds)
    return f"PARTITION (ds = {_text(ds)}) LOCATION {_text(_location(link if link.is_symlink() else link.parent))}"


def _parts(warehouse: Warehouse, table: Table, ds: str) -> Path:
    return _folder(warehouse, table) / f"ds={ds}" / PARTS


def _location(folder: Path) -> str:
    """As Spark takes it: a path of every machine's own file system, whatever the cluster's default is, and no URL."""
    return f"file://{folder}"


def _folder(warehouse: Warehouse, table: Table) -> Path:
    folder = warehouse.folder(table)
    if not isinstance(folder, Path):
        raise WarehouseError(f"{folder}: a cluster shares no folder of a store")
    return folder.absolute()


def _quoted(identifier: str) -> str:
    return "`" + identifier.replace("`", "``") + "`"


def _text(text: str) -> str:
    return "'" + re.sub(r"(['\\])", r"\\\1", text) + "'"
