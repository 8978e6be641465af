"""Answers as tables on a terminal."""

from __future__ import annotations

import polars as pl
from rich.markup import escape
from rich.table import Table


def rich_table(frame: pl.DataFrame) -> Table:
    """The frame as a table: names without their prefix, whole numbers grouped, shares in percent."""
    table = Table(show_edge=False, pad_edge=False)
    for name, dtype in frame.schema.items():
        # A key is never cut: two hosts that begin alike must not look the same.
        key = not dtype.is_numeric()
        table.add_column(heading(name), justify="left" if key else "right", no_wrap=key, overflow="fold")
    for row in frame.iter_rows():
        table.add_row(*(cell(value, name) for value, name in zip(row, frame.columns, strict=True)))
    return table


def heading(name: str) -> str:
    """`m_website_hits` to `website hits`."""
    return name.removeprefix("m_").removeprefix("dim_").replace("_", " ")


def cell(value: object, name: str) -> str:
    """A value as people read it; text from the web is escaped."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2%}" if "rate" in name or "share" in name else f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    return escape(printable(str(value)))


def printable(text: str, longest: int | None = None) -> str:
    """Text from the web with what a terminal would obey (escape codes, line ends, marks of direction) as its code."""
    if longest is not None and len(text) > longest:
        text = text[: longest - 1] + "\u2026"
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
