"""The DuckDB catalogue: one view a table, over the published Parquet files.

No rows live in it, so it is small, is made in a moment and can be made again. It is made beside itself and swapped in
by one rename, and only where a view differs: a process that has the old one open goes on reading the same Parquet
files through it. The views name absolute paths; after the folder was moved, the next build makes them anew.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import duckdb
import polars as pl

from growth_assets.contracts.columns import MAP
from growth_assets.contracts.contract import Contract
from growth_assets.contracts.table import Table
from growth_assets.places import Place, is_remote
from growth_assets.warehouse import durable, locks, objects
from growth_assets.warehouse.partitions import PART, PARTS, Warehouse

Connection = duckdb.DuckDBPyConnection

CatalogueError = duckdb.Error

ROOM = 1_000_000
"""Bytes: a catalogue takes less than a third of it."""

SQL_TYPES: dict[pl.DataType, str] = {
    pl.Int64(): "BIGINT",
    pl.Int32(): "INTEGER",
    pl.String(): "VARCHAR",
    pl.Boolean(): "BOOLEAN",
    pl.Float64(): "DOUBLE",
    pl.Datetime("us"): "TIMESTAMP",
    MAP: "MAP(VARCHAR, VARCHAR)",
}
"""Polars type to DuckDB type, for every type a contract uses."""


def quoted(identifier: str) -> str:
    """An SQL identifier, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _verbatim(folder: Place) -> str:
    """The folder as a glob pattern that matches it alone."""
    return re.sub(r"([\[*?])", r"[\1]", str(folder))


def view_sql(warehouse: Warehouse, table: Table, contract: Contract) -> str:
    """The statement that makes the view of `table`: its columns in order, with its types."""
    name = f"{quoted(table.schema)}.{quoted(table.short_name)}"
    types = {column: SQL_TYPES[dtype] for column, dtype in contract.dtypes.items()}
    folder = warehouse.folder(table)
    below = [f"*/{PART}", f"*/{PARTS}/*.parquet"] if table.partitioned else ["*.parquet"]
    if is_remote(folder):
        there = below[:1] if objects.sizes(folder) else []
    else:
        there = [each for each in below if any(folder.glob(each))]
    patterns = ", ".join(literal(f"{_verbatim(folder)}/{each}") for each in there)
    if not there:
        # read_parquet refuses a pattern without files; the view is swapped when the first partition is there.
        empty = ", ".join(f"NULL::{sql} AS {quoted(column)}" for column, sql in types.items())
        return f"CREATE VIEW {name} AS SELECT {empty} WHERE false"
    select = ", ".join(quoted(column) for column in types)
    # By the folders' names DuckDB leaves out other days' files without a look into them. But it takes every folder
    # named x=y for a column that overrides the file's, those above the warehouse too.
    hive = table.partitioned and not any("=" in part for part in folder.parts)
    pattern = patterns if len(there) == 1 else f"[{patterns}]"
    options = "hive_partitioning = true, hive_types = {'ds': VARCHAR}" if hive else "hive_partitioning = false"
    return f"CREATE VIEW {name} AS SELECT {select} FROM read_parquet({pattern}, {options})"


def refresh(
    path: Path,
    warehouse: Warehouse,
    tables: Collection[Table],
    contracts: Mapping[str, Contract],
    *,
    both_forms: bool = False,
) -> bool:
    """Bring the catalogue at `path` up to date with the tables; True where it was made anew.

    A damaged or deleted catalogue is made anew as well. With `both_forms`, and then for good, a view goes on seeing
    every day while days of one file become days of several, or the other way.
    """
    made_from = path.with_name(f"_{path.name}.json")
    # What a shell open for writing has not yet written into the file; beside another file nobody can open that.
    log = path.with_name(f"{path.name}.wal")
    with locks.exclusive(path.parent / "_locks" / "catalogue.lock"):
        # Whatever is half made was left by a process that died: nobody else holds the lock.
        for leftover in (*path.parent.glob(f".{path.name}.*"), *path.parent.glob(f".{made_from.name}.*")):
            leftover.unlink(missing_ok=True)
        for table in tables:
            if table.partitioned and (both_forms or warehouse.keeps_both_forms(table)):
                warehouse.keep_both_forms(table, pl.DataFrame(schema=contracts[table.name].dtypes))
        wanted = [view_sql(warehouse, table, contracts[table.name]) for table in tables]
        recorded = durable.read_json(made_from)
        if path.exists() and not log.exists() and recorded == {"views": wanted, "sha256": durable.sha256_of(path)}:
            return False
        staged = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            # Nobody else knows the file, so there is nobody to wait for, as readers have to.
            with duckdb.connect(staged) as connection:
                know_store(connection, warehouse.root)
                # As one, so that the disk is waited for once.
                connection.begin()
                for schema in sorted({table.schema for table in tables}):
                    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
                for statement in wanted:
                    connection.execute(statement)
                connection.commit()
            made = {"views": wanted, "sha256": durable.sha256_of(staged)}
            log.unlink(missing_ok=True)
            durable.put_in_place(staged, path)
        except CatalogueError as error:
            # DuckDB says it in many ways.
            if shutil.disk_usage(path.parent).free < ROOM:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise
        finally:
            for leftover in path.parent.glob(f"{staged.name}*"):
                leftover.unlink(missing_ok=True)
        durable.write_json(made_from, made)
    return True


def know_store(connection: Connection, root: Place) -> None:
    """Let a connection read the store that a warehouse is on."""
    if is_remote(root):
        connection.register_filesystem(root.fs)


def query(path: Path, sql: str, parameters: Sequence[object] = (), root: Place | None = None) -> pl.DataFrame:
    """The result of one statement on the catalogue, opened for reading alone; values are bound, never pasted.

    `root` is the warehouse of the views, which is needed where it is on a store.
    """
    with duckdb.connect(path, read_only=True) as connection:
        if root is not None:
            know_store(connection, root)
        frame: pl.DataFrame = connection.sql(sql, params=list(parameters)).pl()
        return frame
