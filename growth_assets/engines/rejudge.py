"""Rows that were put aside, judged again as the tables are built now: which days would other rows be put aside from?"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from growth_assets.contracts.table import Table
from growth_assets.settings import Settings
from growth_assets.warehouse.partitions import Warehouse
from growth_assets.warehouse.versions import code_version


def judged_otherwise(warehouse: Warehouse, tables: Sequence[Table], settings: Settings, ds: str) -> bool:
    """True where a row that was put aside from the published day would be good now, or break another rule.

    Only rows that were put aside are looked at: a row of a published table kept the rules when its day was built.
    """
    by_name = {table.name: table for table in tables}
    for aside in tables:
        maker = by_name.get(aside.built_with or "")
        if maker is None or maker.build is None:
            continue
        record, made = warehouse.record(aside, ds), warehouse.record(maker, ds)
        if record is None or made is None or not record.rows or made.code_version == code_version(maker, settings):
            continue
        before = warehouse.scan(aside, ds).collect()
        (upstream,) = maker.upstream
        received = before.select(pl.all().exclude("rule")).lazy()
        if not maker.build({upstream: received}, settings).beside[aside.name].equals(before):
            return True
    return False
