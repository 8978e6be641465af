"""What is said to the cluster's own catalogue, and when."""

from __future__ import annotations

from growth_assets.contracts.table import contract_of
from growth_assets.engines import spark_catalogue
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse.partitions import PARTS, Warehouse
from growth_assets_tests.tables.days import site

FACTS = BY_NAME["core.fct_website_events"]
NAME = "`growth`.`core_fct_website_events`"


class Catalogue:
    """Answers as Spark does; what it is told."""

    def __init__(self, columns: dict[str, str], days: list[str]) -> None:
        self.columns, self.days, self.said = columns, days, list[str]()

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        self.said.append(statement)
        if statement.startswith("SHOW TABLES"):
            return [("growth", "core_fct_website_events", False)] if self.columns else []
        if statement.startswith("DESCRIBE"):
            heading = [
                ("# Partition Information", "", ""),
                ("# col_name", "data_type", "comment"),
                ("ds", "string", ""),
            ]
            return [*((name, sql.lower().replace(", ", ","), None) for name, sql in self.columns.items()), *heading]
        if statement.startswith("SHOW PARTITIONS"):
            return [(f"ds={ds}",) for ds in self.days]
        return []


def published(tmp_path, **days: bool) -> Warehouse:
    """A warehouse whose days are there in name; of some of them there are several files."""
    warehouse = Warehouse(tmp_path / "it's")
    for ds, several in days.items():
        path = warehouse.path(FACTS, ds)
        (path.parent / "_parts-1").mkdir(parents=True)
        if several:
            path.with_name(PARTS).symlink_to("_parts-1")
        else:
            path.touch()
    return warehouse


def changes(catalogue: Catalogue) -> list[str]:
    return [each for each in catalogue.said if not each.startswith(("SHOW", "DESCRIBE", "CREATE DATABASE"))]


def test_the_tables_of_events_are_kept_there():
    assert {table.name for table in spark_catalogue.kept(DAILY)} == {
        "raw.website_events", "core.fct_website_events", "raw.quarantined_events"
    }  # fmt: skip


def test_a_table_is_made_once_and_then_told_of_days_that_came_or_went(tmp_path):
    contract, warehouse = contract_of(FACTS, site()), published(tmp_path, **{"2026-03-01": False, "2026-03-02": True})
    nothing = Catalogue({}, [])
    spark_catalogue.ensure(nothing, "growth", warehouse, FACTS, contract)
    dropped, made, added = changes(nothing)
    assert dropped == f"DROP TABLE IF EXISTS {NAME}"
    assert made.startswith(f"CREATE TABLE {NAME} (`user_id` BIGINT, `logged_out_user_id` BIGINT, ")
    assert "`other_properties` MAP<STRING, STRING>" in made
    folder = str(tmp_path / "it\\'s" / "core" / "fct_website_events")
    assert made.endswith(f"`ds` STRING) USING parquet PARTITIONED BY (ds) LOCATION 'file://{folder}'")
    assert added == (
        f"ALTER TABLE {NAME} ADD IF NOT EXISTS PARTITION (ds = '2026-03-01') LOCATION 'file://{folder}/ds=2026-03-01' "
        f"PARTITION (ds = '2026-03-02') LOCATION 'file://{folder}/ds=2026-03-02/parts'"
    )
    columns = spark_catalogue._columns(contract)
    there = Catalogue(columns, ["2026-02-28", "2026-03-01", "2026-03-02"])
    spark_catalogue.ensure(there, "growth", warehouse, FACTS, contract)
    placed, gone = changes(there)
    # It may have been told when it was one file.
    assert placed == (
        f"ALTER TABLE {NAME} PARTITION (ds = '2026-03-02') SET LOCATION 'file://{folder}/ds=2026-03-02/parts'"
    )
    assert gone == f"ALTER TABLE {NAME} DROP IF EXISTS PARTITION (ds = '2026-02-28')"
    # Of other columns it is made anew.
    other = Catalogue({**columns, "user_id": "STRING"}, [])
    spark_catalogue.ensure(other, "growth", warehouse, FACTS, contract)
    assert changes(other) == changes(nothing)


def test_a_day_is_told_where_it_is_now(tmp_path):
    told = Catalogue({}, [])
    spark_catalogue.tell(told, "growth", published(tmp_path, **{"2026-03-02": True}), FACTS, "2026-03-02")
    assert [each.partition("PARTITION")[0] for each in told.said] == [
        f"ALTER TABLE {NAME} ADD IF NOT EXISTS ", f"ALTER TABLE {NAME} "
    ]  # fmt: skip
    assert all("LOCATION 'file:///" in each and each.endswith("ds=2026-03-02/parts'") for each in told.said)
    assert " SET LOCATION " in told.said[1]
