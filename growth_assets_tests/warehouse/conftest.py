"""Two small tables that no product knows, so that these tests speak of the warehouse alone."""

from pathlib import Path

import polars as pl
import pytest

from growth_assets.contracts.columns import MAP, MICROSECONDS
from growth_assets.contracts.contract import Contract, column
from growth_assets.contracts.table import Table
from growth_assets.warehouse import catalogue
from growth_assets.warehouse.partitions import Record, Warehouse

VISITS = Contract(
    {
        # Neither in the order of the alphabet nor in that of the file of any other engine.
        "visitor": column(pl.Int64(), "who"),
        "brand": column(pl.String(), "device", nullable=True),
        "hour": column(pl.Int32(), "hour"),
        "is_bot": column(pl.Boolean(), "bot"),
        "rate": column(pl.Float64(), "rate", nullable=True),
        "at": column(MICROSECONDS, "when"),
        "properties": column(MAP, "rest", nullable=True),
        "ds": column(pl.String(), "day"),
    }
)
REJECTS = Contract({"reason": column(pl.String(), "why"), "line": column(pl.Int64(), "where")})

VISITS_TABLE = Table("core.visits", "Visits.", lambda _: VISITS)
REJECTS_TABLE = Table("raw.rejects", "Rejects.", lambda _: REJECTS, partitioned=False)
TABLES = (VISITS_TABLE, REJECTS_TABLE)
CONTRACTS = {"core.visits": VISITS, "raw.rejects": REJECTS}


def visits_frame(ds: str, rows: int = 3) -> pl.DataFrame:
    """A day of `rows` visits."""
    return pl.DataFrame(
        {
            "visitor": list(range(rows)),
            "brand": [None if n % 2 else "Apple" for n in range(rows)],
            "hour": [n % 24 for n in range(rows)],
            "is_bot": [n % 3 == 0 for n in range(rows)],
            "rate": [n / 7 for n in range(rows)],
            "at": [f"{ds}T00:00:00" for _ in range(rows)],
            "properties": pl.Series([{"n": str(n)} if n else None for n in range(rows)], dtype=MAP),
            "ds": [ds] * rows,
        },
        schema_overrides={"hour": pl.Int32},
    ).with_columns(pl.col("at").str.to_datetime(time_unit="us"))


class Shop:
    """A warehouse of these tables with its catalogue."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.warehouse = Warehouse(root)
        self.catalogue = root / "growth.duckdb"

    def publish(self, ds: str, rows: int = 3, **inputs: str) -> Record:
        with self.warehouse.building(ds):
            staged = self.warehouse.stage(VISITS_TABLE, ds, visits_frame(ds, rows))
            return self.warehouse.publish(
                VISITS_TABLE, ds, staged, rows=rows, inputs=inputs, code_version="1", numbers={"received": rows}
            )

    def reject(self, name: str, rows: int) -> None:
        folder = self.warehouse.folder(REJECTS_TABLE)
        folder.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"reason": ["broken"] * rows, "line": list(range(rows))}).write_parquet(folder / name)

    def refresh(self, **named: bool) -> bool:
        return catalogue.refresh(self.catalogue, self.warehouse, TABLES, CONTRACTS, **named)

    def query(self, sql: str, *parameters: object) -> list[tuple]:
        return catalogue.query(self.catalogue, sql, parameters).rows()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "warehouse")
