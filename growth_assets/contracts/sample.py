"""A few rows shown beside a check, so that it can be looked into, without anything that could be about a person.

No address, user agent, id of a user, path or other free text: only columns that are named here, and of these only
values that could not be any of that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

Sample = Sequence[Mapping[str, str | int | float]]
"""A few rows: column to what is shown of its value."""

TEXTS = frozenset(
    {"rule", "ds", "aggregation_level", "dim_action_type", "dim_country", "dim_hostname", "hostname", "source_file"}
)
"""Columns of text that may be shown."""

HARMLESS = re.compile(r"(?=.*[a-z])[A-Za-z0-9_][A-Za-z0-9_./-]{0,62}|\d{4}-\d{2}-\d{2}|[A-Z]{2}")
"""Words, host names, names of files, days and countries; no markup, nothing that a terminal obeys."""

ADDRESS = re.compile(r"\d+[.-]\d+[.-]\d+[.-]\d+|(?:[0-9a-f]{1,4}[.-]){4,}")
"""An address, also as providers write it into host names."""

ROWS_SHOWN = 3
"""So many rows are shown for each rule that is broken."""

WITHHELD = "(withheld)"


def sample(rows: pl.DataFrame) -> Sample:
    """The rows, of their columns those that may be shown; a null as `null`, a text that may not be shown as withheld.

    Beside the texts: the numbers `row`, `line_number`, `event_hour`, and all measures.
    """
    wanted = [
        name
        for name, dtype in rows.schema.items()
        if name in TEXTS
        or (dtype.is_numeric() and (name in {"row", "event_hour", "line_number"} or name.startswith("m_")))
    ]
    return tuple({name: _shown(value) for name, value in row.items()} for row in rows.select(wanted).to_dicts())


def _shown(value: object) -> str | int | float:
    if value is None:
        return "null"
    if isinstance(value, (int, float)):
        return value
    text = str(value)
    return text if HARMLESS.fullmatch(text) and (not ADDRESS.search(text) or _is_day(text)) else WITHHELD


def _is_day(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None


def put_aside(rows: pl.DataFrame) -> Mapping[str, Sample]:
    """Of rows that were put aside, the first few by the `rule` that they break."""
    if not rows.height or "rule" not in rows.columns:
        return {}
    few = rows.group_by("rule", maintain_order=True).head(ROWS_SHOWN)
    return {str(rule): sample(part.drop("rule")) for (rule,), part in few.group_by("rule", maintain_order=True)}
