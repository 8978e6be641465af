"""The declaration of a table: its name, contract, function and the tables it is made from.

One string names a table everywhere: `core.fct_website_events` is its asset key, its DuckDB view, its folder.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import polars as pl

from growth_assets.contracts.contract import Contract, Finding
from growth_assets.contracts.texts import as_texts


@dataclass(frozen=True)
class Built:
    """What a table's function gives for one day."""

    rows: pl.DataFrame
    """Texts in it may be numbered, as in `contracts.texts`."""
    beside: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """Tables that fall out of the same pass, by name, such as the rows put aside."""
    numbers: Mapping[str, int] = field(default_factory=dict)
    """What was counted on the way, such as duplicates dropped."""
    beyond: Mapping[str, pl.Series] = field(default_factory=dict)
    """Columns that no table has, for those that are made from these rows while they are there."""

    @property
    def frame(self) -> pl.DataFrame:
        """The rows with all texts as texts, as they are published."""
        return as_texts(self.rows)


@dataclass(frozen=True)
class ByVisitor:
    """How a table of events is made in parts: row by row, and then again with all rows of a visitor together."""

    visitor: str
    """The column that says whose a row is; in no two parts there may be the same."""
    by_row: Callable[[pl.DataFrame, Any], tuple[pl.DataFrame, pl.DataFrame]]
    """Some received rows and the settings to the rows that go on, and those that are put aside."""
    by_visitor: Callable[[pl.DataFrame, pl.DataFrame, Any], Built]
    """All rows of some visitors, some rows put aside, and the settings. Its numbers add up over the parts."""


@dataclass(frozen=True)
class Sums:
    """How a small table is made of parts of the first of its upstream tables, no visitor being in two of them.

    Counts of events add up over such parts, and so do distinct visitors.
    """

    part: Callable[[pl.LazyFrame, Any], pl.DataFrame]
    """Events and settings to rows of which those with the same `key` are added up."""
    key: tuple[str, ...]
    """Columns that say what a row counts; the rows are in their order, but for `aggregation_level`, nulls first."""
    finish: Callable[[pl.DataFrame, Mapping[str, pl.LazyFrame], Any], pl.DataFrame]
    """The rows of all parts together, the inputs beside the events, and the settings to the table."""
    recount: Callable[[pl.LazyFrame, pl.DataFrame, Any], Sequence[Finding]]
    """Events, what `part` made of them or the table itself, and the settings to what in it the events do not say."""
    in_itself: Callable[[pl.DataFrame], Sequence[Finding]]
    """The table to what in it does not agree with the rest of it."""
    levels: tuple[str, ...] = ()
    """The values of `aggregation_level`, in the order of the rows."""

    def together(self, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """The rows of all parts together, as `part` gives them for all events."""
        rows = pl.concat(parts)
        level = pl.col("aggregation_level").cast(pl.Enum(self.levels)) if self.levels else pl.lit(0)
        return (
            rows.lazy()
            .group_by(self.key)
            .agg(pl.exclude(self.key).sum())
            .sort(level, *self.key, nulls_last=False)
            .select(rows.columns)
            .collect()
        )


def as_it_is(frame: pl.DataFrame, inputs: Mapping[str, pl.LazyFrame], settings: Any) -> pl.DataFrame:  # noqa: ANN401, ARG001 - every finish takes them
    """The table is what its parts are together."""
    return frame


def agrees_in_itself(frame: pl.DataFrame) -> Sequence[Finding]:  # noqa: ARG001 - every in_itself takes it
    """No row of the table says anything of the others."""
    return []


def overall(*names: str) -> Callable[[pl.DataFrame], Mapping[str, float | int | str]]:
    """A headline: the columns `names` of the overall row, without those that are null."""

    def headline(frame: pl.DataFrame) -> Mapping[str, float | int | str]:
        is_overall = frame["aggregation_level"] == "overall"
        if not is_overall.any():
            return {}
        row = frame.row(is_overall.arg_max() or 0, named=True)
        return {name: value for name in names if (value := row[name]) is not None}

    return headline


@dataclass(frozen=True)
class Balance:
    """Nothing lost: the rows of `whole` are the rows of `parts` and what was `counted` on the way."""

    whole: str
    parts: tuple[str, ...]
    counted: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """Earlier days of a table that a day stands on, or is compared with."""

    table: str
    back: tuple[int, ...]
    """How many days before it."""

    @property
    def name(self) -> str:
        """Under this name the rows of the earlier days are handed to a table's function."""
        return f"{self.table}@earlier"

    def days(self, ds: str) -> list[str]:
        """The earlier days of `ds`, in order."""
        day = dt.date.fromisoformat(ds)
        return sorted((day - dt.timedelta(days=back)).isoformat() for back in self.back)

    def followers(self, ds: str) -> list[str]:
        """The days that `ds` is an earlier day of, in order."""
        day = dt.date.fromisoformat(ds)
        return sorted((day + dt.timedelta(days=back)).isoformat() for back in self.back)


State = Literal["ok", "breached", "cannot_tell"]


@dataclass(frozen=True)
class Judgement:
    """What a watch makes of a day."""

    state: State
    reason: str
    """In plain words; why it cannot tell, or what is wrong."""
    numbers: Mapping[str, int | float]
    rows: pl.DataFrame
    """What was compared, one row a host or level, those that are breached first."""


@dataclass(frozen=True)
class Watch:
    """A check that compares a day with those before it. It warns and keeps nothing back: the rows are true."""

    table: str
    """Whose check it is."""
    check: str
    description: str
    history: History
    judge: Callable[[pl.DataFrame, str, Any], Judgement]
    """The rows of `history` with those of the day itself, each day's as `summary` made them; the day, the settings."""
    summary: Callable[[pl.DataFrame], pl.DataFrame] = lambda rows: rows
    """The rows of one day to what of them is compared: made once, however many days look back to it."""


@dataclass(frozen=True)
class Table:
    """One table. `build` is pure: frames and settings in, frames out, the same bytes every time."""

    name: str
    description: str
    contract: Callable[[Any], Contract]
    """Settings to contract: an enumeration, a minimum may be the site's own."""
    upstream: tuple[str, ...] = ()
    build: Callable[[Mapping[str, pl.LazyFrame], Any], Built] | None = None
    """None where the rows come from a source reader or fall out of another table's pass."""
    parts: ByVisitor | Sums | None = None
    """How it is made on several machines, to the same rows; None where one makes it, since what it reads is small."""
    built_with: str | None = None
    """The table whose pass makes this one too."""
    checks: tuple[str, ...] = ()
    """Rules that are an asset check of their own; the others share one, named `contract`."""
    excused: tuple[str, ...] = ()
    """Rules whose broken rows are none of the day: they are put aside, but count for nothing when it is judged."""
    received_rules: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Rules of what was received that the contract does not have, as the table's rows cannot break them, in words."""
    balance: Balance | None = None
    history: History | None = None
    """Earlier days that the rows depend on, too: when one of them changes, the day is built again."""
    agreement: Callable[[Mapping[str, pl.LazyFrame], pl.DataFrame, Any], Sequence[Finding]] | None = None
    """Inputs, the built frame and settings to what in the frame is not what the inputs say, counted in another way."""
    settings_used: tuple[str, ...] = ()
    """Settings that the rows depend on; a change of one makes what was built before outdated."""
    packages: tuple[str, ...] = ()
    """Packages whose rules the rows depend on, by distribution name."""
    files: Callable[[Any], tuple[Path, ...]] = lambda settings: ()  # noqa: ARG005 - most depend on none
    """Settings to files that the rows depend on, such as a database of countries."""
    made_from: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    """Column to the columns it is made from, where these have other names than its own: `ip` of the first upstream
    table, or `core.agg_hostname_events.m_total_events`. None for what counts rows or is the same in each."""
    headline: Callable[[pl.DataFrame], Mapping[str, float | int | str]] = lambda frame: {}  # noqa: ARG005 - most have none
    """The day in a few numbers, by name; plotted over days, the first of them also in a small chart."""
    read_after: tuple[str, ...] = ()
    """Columns that the tables made from it read; none is all of them. The others are not held while those are built."""
    partitioned: bool = True
    kind: Literal["raw", "fct", "agg", "metric"] = "raw"
    guardrail: bool = False

    def sources_of(self, column: str, upstream: Mapping[str, Collection[str]]) -> tuple[tuple[str, str], ...]:
        """The columns that `column` is made from, as table and column; `upstream` has the columns of each table.

        Where nothing is declared it is the column of the same name of the first upstream table that has one.
        """
        if column not in self.made_from:
            same = (name for name in self.upstream if column in upstream.get(name, ()))
            return tuple((name, column) for name in list(same)[:1])
        named = (each.rpartition(".") for each in self.made_from[column])
        return tuple((table or self.upstream[0], name) for table, _, name in named)

    @property
    def schema(self) -> str:
        """The DuckDB schema: raw, core or metrics."""
        return self.name.partition(".")[0]

    @property
    def short_name(self) -> str:
        """The name within its schema."""
        return self.name.partition(".")[2]


@lru_cache(maxsize=64)
def contract_of(table: Table, settings: Any) -> Contract:  # noqa: ANN401 - what they are is not known here
    """The contract of a table, made once: its Pandera schema serves all days."""
    return table.contract(settings)
