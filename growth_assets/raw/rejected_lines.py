"""Raw rejected lines: every line of a source file that could not be read, with the reason.

Kept per source file, since a broken line has no day. Per file, always: lines = events + rejected lines.
"""

from __future__ import annotations

import polars as pl

from growth_assets.contracts.columns import REJECTED
from growth_assets.contracts.contract import Contract, column, columns, not_null
from growth_assets.contracts.table import Table
from growth_assets.settings import Settings

COLUMNS = columns(
    [
        ("line_number", column(pl.Int64(), "Line of the source file, from 1 (row for Parquet)")),
        ("reason", column(pl.String(), "Why it could not be read; one of a closed list")),
        ("text", column(pl.String(), "The line, cut at 1,000 characters; undecodable bytes as \\xNN", nullable=True)),
        ("source", column(pl.String(), "Source of the settings that the file belongs to")),
        ("source_file", column(pl.String(), "Path below landing/ under which the content was first seen")),
    ]
)  # fmt: skip

if tuple(COLUMNS)[: len(REJECTED)] != tuple(REJECTED):
    raise AssertionError("raw.rejected_lines begins with the columns that the source readers give")


def contract(settings: Settings) -> Contract:  # noqa: ARG001 - the same for every site
    """What raw.rejected_lines keeps."""
    return Contract(COLUMNS, row_rules=(not_null("line_number"), not_null("reason"), not_null("source_file")))


TABLE = Table(
    name="raw.rejected_lines",
    description=__doc__,
    contract=contract,
    upstream=("landing.event_files",),
    partitioned=False,
    kind="raw",
)
