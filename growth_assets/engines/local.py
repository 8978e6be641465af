"""One machine: a day's tables, one after the other, each audited before it is published.

Tables of a day are built while the day is warm: what was just made is handed on, not read again. A table that is
refused, or whose upstream is not there, holds up its own downstream on that day and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import polars as pl

from growth_assets.checks.verdict import Verdict, agreement, conservation, verdicts
from growth_assets.contracts.contract import Finding
from growth_assets.contracts.sample import Sample, put_aside
from growth_assets.contracts.table import Built, History, Judgement, Table, Watch, contract_of
from growth_assets.engines.past import Past, version_on_disk
from growth_assets.places import Place
from growth_assets.settings import Settings
from growth_assets.warehouse import durable
from growth_assets.warehouse.partitions import DAMAGE, Record, Staged, Warehouse, WarehouseError, rows_of, unreadable
from growth_assets.warehouse.versions import code_version

NOT_OVER = "the day is not over"
OTHER_BYTES = "its bytes are not those that landed"


@dataclass(frozen=True)
class Received:
    """What landed for one day: the segment files in order, and their data version."""

    files: Sequence[Place]
    inputs: Mapping[str, str]
    rows: int
    """How many events they hold, as counted when they landed."""
    again: Mapping[Place, str] = field(default_factory=dict)
    """How a file of them that is damaged can be had again."""
    digests: Mapping[Place, str] = field(default_factory=dict)
    """SHA-256 of the files as they landed; a large file that is published as it is, is compared with it."""


Receiving = Callable[[str], AbstractContextManager[Received]]
"""Day to what landed for it; its files stay as they are while the context is open."""


@dataclass(frozen=True)
class Outcome:
    """What became of one table on one day."""

    table: Table
    ds: str
    record: Record | None
    """The published partition's record; None where nothing was published."""
    verdicts: Sequence[Verdict] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str = ""
    """Why nothing was published."""
    status: Literal["published", "refused", "held_up", "empty"] = "published"
    """`refused`: a check failed; `held_up`: something upstream is missing; `empty`: nothing landed for the day."""
    headline: Mapping[str, float | int | str] = field(default_factory=dict)
    """The day in a few numbers, by column."""
    refused: Path | None = None
    """Where the rows of a refused day can be looked at."""
    refused_beside: Path | None = None
    """Where the rows can be looked at that were put aside from a refused day."""


@dataclass(frozen=True)
class Audited:
    """A partition that is staged, and what its audit made of it."""

    table: Table
    files: Staged
    frame: pl.LazyFrame
    rows: int
    verdicts: list[Verdict]


MOST_ROWS_HANDED_ON = 1_000_000
"""Received rows beyond this are read again from the published file."""


ATTEMPTS = 3
"""So often a table is made where a file that it reads is replaced meanwhile."""

Build = Callable[[Mapping[str, pl.LazyFrame], Settings], Built]


class Day:
    """The build of one day. Hold `Warehouse.building(ds)` around it."""

    def __init__(
        self, warehouse: Warehouse, settings: Settings, ds: str, tables: Sequence[Table], past: Past | None = None
    ) -> None:
        """`past` is shared by the days of a run, so that each is read once."""
        self.warehouse, self.settings, self.ds = warehouse, settings, ds
        self.past = past or Past(warehouse, settings, tables)
        self.published: set[str] = set()
        self.by_name = {table.name: table for table in tables}
        self.beside = {table.name: [other for other in tables if other.built_with == table.name] for table in tables}
        self.frames: dict[str, pl.LazyFrame] = {}
        self._earlier: dict[History, tuple[pl.LazyFrame, str]] = {}
        self.failed: dict[str, Literal["refused", "held_up", "empty"]] = {}
        self._large = False
        self._begun: dict[str, tuple[dict[str, pl.LazyFrame], dict[str, str], Future[tuple[Built, str]]]] = {}
        """Tables that are built while another one is compared."""
        self._build_ahead: Callable[[], None] = lambda: None

    def build(self, wanted: Collection[str], receiving: Receiving) -> Iterator[Outcome]:
        """Build the wanted tables in order; an outcome for each, as soon as it is known."""
        groups = [[table, *self.beside[table.name]] for table in self.by_name.values() if not table.built_with]
        groups = [group for group in groups if any(each.name in wanted for each in group)]
        with ThreadPoolExecutor(1) as pool:
            for group, following in zip(groups, [*groups[1:], []], strict=True):
                table = group[0]
                self._build_ahead = partial(self._begin, pool, *following[:1])
                missing, status = self._missing(table)
                if missing:
                    for each in group:
                        self.failed[each.name] = status
                        yield Outcome(each, self.ds, None, reason=missing, status=status)
                elif table.build is None:
                    yield from self._receive(table, receiving)
                else:
                    try:
                        yield from self._make(table)
                    except DAMAGE as error:
                        raise self._with_damaged_days(table, error) from error

    def _with_damaged_days(self, table: Table, error: BaseException) -> BaseException:
        """The error of published days that cannot be read, by the names of those that are damaged."""
        read = [(name, self.ds) for name in table.upstream if name in self.by_name]
        read += [(table.history.table, ds) for ds in table.history.days(self.ds)] if table.history else []
        wrong = {
            (ds, path): why
            for name, ds in read
            for path in self.warehouse.files(self.by_name[name], ds)
            if (why := unreadable(path))
        }
        if not wrong:
            return error
        told = "; ".join(f"{path} is damaged ({why})" for (_, path), why in wrong.items())
        first, last = min(wrong)[0], max([self.ds, *(ds for ds, _ in wrong)])
        return WarehouseError(f"{told}. Delete it, then run `growth-assets build --from {first} --to {last}`")

    def judge(self, wanted: Collection[str], *, over: bool) -> Iterator[tuple[Watch, Judgement]]:
        """Compare what was published with the days before; call it when all of the day is built.

        Of a day that is not `over` nothing can be told, since whole days are what it would be compared with.
        """
        for watch in self.past.watches:
            if watch.table in self.published and watch.table in wanted and watch.history.table not in self.failed:
                if not over:
                    yield watch, Judgement("cannot_tell", NOT_OVER, {}, pl.DataFrame())
                    continue
                yield watch, watch.judge(self.past.compared(watch, self.ds), self.ds, self.settings)

    def _missing(self, table: Table) -> tuple[str, Literal["held_up", "empty"]]:
        for name in table.upstream:
            upstream = self.by_name.get(name)
            if name in self.failed:
                status: Literal["held_up", "empty"] = "empty" if self.failed[name] == "empty" else "held_up"
                return f"{name} of {self.ds} was not built, so neither is {table.name}", status
            if upstream and name not in self.frames and not self.warehouse.is_published(upstream, self.ds):
                return f"{name} of {self.ds} is not published; build it first", "held_up"
        return "", "held_up"

    def _receive(self, table: Table, receiving: Receiving) -> Iterator[Outcome]:
        started = time.perf_counter()
        with receiving(self.ds) as received:
            # A file that is gone holds nothing, and what it held is missed below.
            there = [path for path in received.files if path.exists()]
            frame: pl.DataFrame | pl.LazyFrame | None = None
            try:
                if len(there) > 1 and received.rows <= MOST_ROWS_HANDED_ON:
                    # Put together here they need not be read again.
                    frame = self.warehouse.scan_files(table, self.ds, there).collect().rechunk()
                    staged = self.warehouse.stage(table, self.ds, frame)
                elif there:
                    staged = self.warehouse.stage_files(table, self.ds, there)
                elif received.files:
                    nothing = pl.DataFrame(schema=contract_of(table, self.settings).dtypes)
                    staged = self.warehouse.stage(table, self.ds, nothing)
            except DAMAGE as error:
                raise damage_explained(received, self.ds, error) from error
        if not received.files:
            self.failed[table.name] = "empty"
            yield Outcome(table, self.ds, None, reason=f"no event of {self.ds} has landed", status="empty")
            return
        try:
            if frame is None:
                frame = pl.scan_parquet(staged, hive_partitioning=False, glob=False)
            if received.rows <= MOST_ROWS_HANDED_ON:
                frame = frame.lazy().collect()
            elif len(there) == 1 and durable.sha256_of(staged) != received.digests.get(there[0], ""):
                raise damaged(received, self.ds, {there[0]: OTHER_BYTES})
            audited = self._audit(table, staged, frame, {})
        except DAMAGE as error:
            raise damage_explained(received, self.ds, error) from error
        landed = dict.fromkeys(table.upstream, received.rows)
        gone = [str(path) for path in received.files if path not in there]
        version = code_version(table, self.settings)
        yield from self._publish(
            table, [audited], Built(pl.DataFrame()), received.inputs, version, landed, started, gone
        )

    def _make(self, table: Table) -> Iterator[Outcome]:
        started = time.perf_counter()
        if table.build is None:
            raise LookupError(f"{table.name} has no function")
        if table.name in self._begun:
            inputs, versions, made = self._begun.pop(table.name)
            built, version = made.result()
        else:
            inputs, versions = self._inputs(table, table.upstream)
            built, version = self._built(table, table.build, inputs)
        compare = partial(table.agreement, inputs, built.rows, self.settings) if table.agreement else None
        yield from self._audit_and_publish(table, built, versions, version, compare, started)

    def _audit_and_publish(
        self, table: Table, built: Built, versions: Mapping[str, str], version: str,
        compare: Callable[[], Iterable[Finding]] | None, started: float,
    ) -> Iterator[Outcome]:  # fmt: skip
        # Rows put aside are staged first and published first, the table's own record last: after a crash between
        # the two, the table counts as out of date.
        staged = [
            self._audit(
                other,
                self.warehouse.stage(other, self.ds, built.beside[other.name]),
                built.beside[other.name],
                {},
            )
            for other in self.beside[table.name]
        ]
        aside = {rule: shown for frame in built.beside.values() for rule, shown in put_aside(frame).items()}
        path = self.warehouse.stage(table, self.ds, built.rows)
        staged.append(self._audit(table, path, built.rows, built.numbers, aside))
        # A table that breaks its own contract is not compared: one fault is one red check.
        if compare and not any(verdict.blocks for verdict in staged[-1].verdicts):
            self._build_ahead()
            staged[-1].verdicts.append(agreement(list(compare())))
        upstream = {name: self._rows(name) for name in table.upstream} if table.balance else {}
        yield from self._publish(table, staged, built, versions, version, upstream, started)

    def _inputs(self, table: Table, read: Sequence[str]) -> tuple[dict[str, pl.LazyFrame], dict[str, str]]:
        """What the table is made from, by name, as far as it is `read` here, and the versions of all of it."""
        inputs = {name: self._frame(name) for name in read}
        versions = {name: self._version(name) for name in table.upstream}
        if table.history:
            if table.history not in self._earlier:
                rows, version = self.past.rows(table.history, self.ds), self.past.version(table.history, self.ds)
                self._earlier[table.history] = rows.lazy(), version
            inputs[table.history.name], versions[table.history.name] = self._earlier[table.history]
        return inputs, versions

    def _begin(self, pool: ThreadPoolExecutor, following: Table | None = None) -> None:
        """Build the table that follows while this one is compared, where both take long and all is there for it."""
        if self._large and following and following.build and all(name in self.frames for name in following.upstream):
            inputs, versions = self._inputs(following, following.upstream)
            made = pool.submit(self._built, following, following.build, inputs)
            self._begun[following.name] = inputs, versions, made

    def _built(self, table: Table, build: Build, inputs: Mapping[str, pl.LazyFrame]) -> tuple[Built, str]:
        """What the table's function makes, and by which code version: of one state of the files that it reads.

        Where one is replaced meanwhile it is made again; what is never made of one state counts as out of date.
        """
        version = code_version(table, self.settings)
        for _ in range(ATTEMPTS):
            before, built = version, build(inputs, self.settings)
            version = code_version(table, self.settings)
            if version == before:
                break
        return built, before

    def _audit(
        self, table: Table, path: Path, frame: pl.DataFrame | pl.LazyFrame, numbers: Mapping[str, int],
        aside: Mapping[str, Sample] | None = None,
    ) -> Audited:  # fmt: skip
        findings = contract_of(table, self.settings).audit(frame)
        judged = verdicts(table, findings, numbers, self.settings.max_quarantined_share, aside)
        # Rows are counted in the file itself: a file that was written short is none that may be published.
        return Audited(table, path, frame.lazy(), rows_of(path), judged)

    def _publish(
        self, table: Table, staged: list[Audited], built: Built, inputs: Mapping[str, str], version: str,
        upstream: Mapping[str, int], started: float, gone: Sequence[str] = (),
    ) -> Iterator[Outcome]:  # fmt: skip
        if table.balance:
            rows = {**upstream, **{each.table.name: each.rows for each in staged}}
            staged[-1].verdicts.append(conservation(table.balance, rows, built.numbers, gone))
        blocked = [verdict for each in staged for verdict in each.verdicts if verdict.blocks]
        if blocked:
            yield from self._refuse(staged, built, blocked, started)
            return
        for each in staged:
            own = each.table is table
            record = self.warehouse.publish(
                each.table, self.ds, each.files, rows=each.rows, inputs=inputs, code_version=version,
                numbers=built.numbers if own else {},
            )  # fmt: skip
            self.warehouse.forget_refused(each.table, self.ds)
            self._hand_on(each, built.beyond if own else {})
            self.published.add(each.table.name)
            if self.past.looks_at(each.table):
                self.past.put(each.table, self.ds, each.frame.collect(), record.sha256)
            yield Outcome(
                each.table, self.ds, record, each.verdicts, record.numbers,
                seconds=time.perf_counter() - started if own else 0.0,
                headline=each.table.headline(built.rows) if own else {},
            )  # fmt: skip

    def _refuse(self, staged: list[Audited], built: Built, blocked: list[Verdict], started: float) -> Iterator[Outcome]:
        failing = ", ".join(dict.fromkeys(verdict.check for verdict in blocked))
        beside: Path | None = None
        for each in staged:
            self.failed[each.table.name] = "refused"
            kept = self.warehouse.refuse(each.table, self.ds, each.files)
            yield Outcome(
                each.table, self.ds, None, each.verdicts, built.numbers, time.perf_counter() - started,
                f"{failing} failed; what was published before stays", "refused", refused=kept, refused_beside=beside,
            )  # fmt: skip
            beside = kept

    def _hand_on(self, staged: Audited, beyond: Mapping[str, pl.Series]) -> None:
        """To the tables that are made from it: what they read of it, as it is, or from its file where that is large."""
        table = staged.table
        self._large |= staged.rows > MOST_ROWS_HANDED_ON
        if table.build is None and not table.built_with and staged.rows > MOST_ROWS_HANDED_ON:
            # All that was received takes more memory than to read it again, part by part, takes time.
            self.frames[table.name] = self.warehouse.scan_held(table, self.ds)
        else:
            kept = staged.frame.select(table.read_after) if table.read_after else staged.frame
            self.frames[table.name] = kept.collect().with_columns(**beyond).lazy() if beyond else kept

    def _frame(self, name: str) -> pl.LazyFrame:
        if name not in self.frames:
            self.frames[name] = self.warehouse.scan_held(self.by_name[name], self.ds)
        return self.frames[name]

    def _rows(self, name: str) -> int:
        return self.warehouse.rows(self.by_name[name], self.ds)

    def _version(self, name: str) -> str:
        record = self.warehouse.record(self.by_name[name], self.ds)
        return record.sha256 if record else ""


def damage_explained(received: Received, ds: str, error: BaseException) -> BaseException:
    """The error of received files that cannot be read, by the names of those that are damaged."""
    wrong = {path: why for path in received.files if path.exists() and (why := unreadable(path))}
    return damaged(received, ds, wrong) if wrong else error


def damaged(received: Received, ds: str, wrong: Mapping[Place, str]) -> WarehouseError:
    """The error of received files that are damaged, by their names and why."""
    told = "; ".join(
        f"{path} is damaged ({why}). To mend it, {received.again.get(path, 'restore it from a backup')}"
        for path, why in wrong.items()
    )
    return WarehouseError(f"{told}. Then run `growth-assets build --from {ds} --to {ds}`")


def stale_tables(
    warehouse: Warehouse, tables: Sequence[Table], ds: str, landed: Mapping[str, str]
) -> tuple[Table, ...]:
    """The tables of the day that are not published, or were built from something else than what there is now.

    What stands on a stale table is stale as well, but is not named before that table is built.
    """
    by_name = {table.name: table for table in tables}
    records = {table.name: warehouse.record(table, ds) for table in tables}
    looked_back: dict[History, str] = {}

    def now(table: Table, name: str) -> str | None:
        if table.history and name == table.history.name:
            if table.history not in looked_back:
                source = by_name[table.history.table]
                looked_back[table.history] = version_on_disk(warehouse, source, table.history, ds)
            return looked_back[table.history]
        record = records.get(name)
        return record.sha256 if record else None if name in by_name else landed.get(name)

    return tuple(
        table
        for table in tables
        if (record := records[table.name]) is None
        or any(version != now(table, name) for name, version in record.inputs.items())
    )


def up_to_date(warehouse: Warehouse, tables: Sequence[Table], ds: str, landed: Mapping[str, str]) -> bool:
    """True where every table of the day is published and was built from what its upstream holds now."""
    return not stale_tables(warehouse, tables, ds, landed)


def only_by_history(stale: Collection[Table]) -> bool:
    """True where the day itself is as it landed: other days changed on which some of its tables stand."""
    return bool(stale) and all(table.history for table in stale)


def outdated(warehouse: Warehouse, tables: Sequence[Table], settings: Settings, ds: str) -> list[str]:
    """The published tables of a day that other settings or another version of the code would build otherwise."""
    stale = []
    by_name = {table.name: table for table in tables}
    for table in tables:
        record = warehouse.record(table, ds)
        maker = by_name[table.built_with] if table.built_with else table
        if record and record.code_version != code_version(maker, settings):
            stale.append(table.name)
    return stale
