"""The DuckDB catalogue, opened through dagster-duckdb."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster_duckdb import DuckDBResource

from growth_assets.alerts import table as alerts
from growth_assets.places import place
from growth_assets.settings import Settings
from growth_assets.tables import TABLES
from growth_assets.warehouse.catalogue import Connection, know_store, refresh
from growth_assets.warehouse.partitions import Warehouse


class CatalogueResource(DuckDBResource):
    """The catalogue for assets and notebooks, read-only: a reader that only reads never keeps another one out."""

    warehouse: str
    """Where the rows are that the views speak of: a folder or a URL."""

    @contextmanager
    def get_connection(self) -> Iterator[Connection]:
        """A connection that can read the warehouse's store."""
        with super().get_connection() as connection:
            know_store(connection, place(self.warehouse, Path()))
            yield connection


def catalogue_resource(settings: Settings) -> DuckDBResource:
    """The site's catalogue."""
    return CatalogueResource(
        database=str(settings.catalogue),
        connection_config={"access_mode": "READ_ONLY"},
        warehouse=str(settings.warehouse),
    )


def refresh_catalogue(settings: Settings) -> bool:
    """Bring the views up to date; True where the catalogue was made anew."""
    tables = (*TABLES, alerts.TABLE)
    contracts = {table.name: table.contract(settings) for table in tables}
    both_forms = settings.engine == "spark"
    return refresh(settings.catalogue, Warehouse.of(settings), tables, contracts, both_forms=both_forms)
