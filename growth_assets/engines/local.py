"""One machine: a day's tables, one after the other, each audited before it is published.

Tables of a day are built while the day is warm: what was just made is handed on, not read again. A table that is
refused, or whose upstream is not there, holds up its own downstream on that day and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
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
from growth_assets.warehouse.partitions import (
    DAMAGE,
    OtherBytesError,
    Record,
    Staged,
    Warehouse,
    WarehouseError,
    rows_of,
    scan,
    unreadable,
)
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
    """SHA-256 of the files as they landed; large files whose bytes are published as they are, are compared with it."""


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
    digest: str = ""
    """SHA-256 of the file, where that is known already."""


@dataclass(frozen=True)
class Made:
    """What a table's function gave, which is neither audited nor published yet."""

    inputs: Mapping[str, pl.LazyFrame]
    built: Built
    version: str
    """Of the code."""


MOST_ROWS_HANDED_ON = 1_000_000
"""Received rows beyond this are read again from the published file."""

LEAST_ROWS_BESIDE, MOST_ROWS_BESIDE = 500_000, 20_000_000
"""A table of so many rows is written while those that are made from it are built and compared.

Days of fewer events are built several at once; of more rows, what is written has to be out of memory before.
"""


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
        self._following: list[Table] = []
        """The tables that come after the one that is made."""
        self._begun: dict[str, tuple[Future[Made | None], Future[list[Finding]]]] = {}
        """Tables that are built and compared while another one is written."""
        self._handed_on: set[str] = set()
        """Tables whose rows are in `frames` before they are published."""

    def build(self, wanted: Collection[str], receiving: Receiving) -> Iterator[Outcome]:
        """Build the wanted tables in order; an outcome for each, as soon as it is known."""
        groups = [[table, *self.beside[table.name]] for table in self.by_name.values() if not table.built_with]
        groups = [group for group in groups if any(each.name in wanted for each in group)]
        with (
            ThreadPoolExecutor(1) as self._writing,
            ThreadPoolExecutor(1) as self._building,
            ThreadPoolExecutor(1) as self._comparing,
        ):
            try:
                for place, group in enumerate(groups, start=1):
                    table = group[0]
                    self._following = [each[0] for each in groups[place:]]
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
            finally:
                # After an error nobody asks for what was begun; what waits for its turn is not waited for.
                self._begun.clear()
                for pool in (self._building, self._comparing, self._writing):
                    pool.shutdown(wait=False, cancel_futures=True)

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
                here = self.warehouse.at_hand(table, self.ds, there)
                landed_as = [received.digests.get(path, "") for path in there], received.rows
                if len(there) > 1 and received.rows <= MOST_ROWS_HANDED_ON:
                    # Put together here they need not be read again.
                    frame = rows = scan(*here).collect().rechunk()
                    packed = self.warehouse.stage_as_packed(table, self.ds, here, *landed_as)
                    staged = packed or self.warehouse.stage(table, self.ds, rows)
                elif there:
                    staged = self.warehouse.stage_files(table, self.ds, here, *landed_as)
                elif received.files:
                    nothing = pl.DataFrame(schema=contract_of(table, self.settings).dtypes)
                    staged = self.warehouse.stage(table, self.ds, nothing)
            except OtherBytesError as error:
                wrong = [there[place] for place in error.places]
                why = {path: unreadable(path) or OTHER_BYTES for path in wrong}
                raise damaged(received, self.ds, why) from error
            except DAMAGE as error:
                raise damage_explained(received, self.ds, error) from error
        if not received.files:
            self.failed[table.name] = "empty"
            yield Outcome(table, self.ds, None, reason=f"no event of {self.ds} has landed", status="empty")
            return
        try:
            if frame is None:
                frame = pl.scan_parquet(staged, hive_partitioning=False, glob=False)
            digest: Future[str] | None = None
            if received.rows <= MOST_ROWS_HANDED_ON:
                frame = frame.lazy().collect()
            else:
                digest = self._writing.submit(durable.sha256_of, staged)
            audited = self._audit(table, staged, frame, {})
            if digest:
                audited = replace(audited, digest=digest.result())
                if len(there) == 1 and audited.digest != received.digests.get(there[0], ""):
                    raise damaged(received, self.ds, {there[0]: OTHER_BYTES})
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
        made: Made | None = None
        compare: Callable[[], Iterable[Finding]] | None = None
        if table.name in self._begun:
            ahead, findings = self._begun.pop(table.name)
            made, compare = ahead.result(), findings.result
        if made is None:
            made = self._made(table)
            compare = partial(self._compared, table, made)
        large = made.built.rows.height > LEAST_ROWS_BESIDE and not self._begun
        if large and made.built.rows.height <= MOST_ROWS_BESIDE:
            self._hand_on_ahead(table, made.built)
            self._begin()
        built, version, versions = made.built, made.version, self._versions_read(table)
        yield from self._audit_and_publish(
            table, built, versions, version, compare if table.agreement else None, started
        )
        if large and not self._begun and table.name in self.published:
            del made, built, compare
            self._begin()

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
        staged.append(self._written_and_audited(table, built, aside))
        # A table that breaks its own contract is not compared: one fault is one red check.
        if compare and not any(verdict.blocks for verdict in staged[-1].verdicts):
            staged[-1].verdicts.append(agreement(list(compare())))
        upstream = {name: self._rows(name) for name in table.upstream} if table.balance else {}
        yield from self._publish(table, staged, built, versions, version, upstream, started)

    def _inputs(self, table: Table, read: Sequence[str]) -> tuple[dict[str, pl.LazyFrame], dict[str, str]]:
        """What the table is made from, by name, as far as it is `read` here, and the versions of all of it."""
        return self._read(table, read), self._versions_read(table)

    def _read(self, table: Table, read: Sequence[str]) -> dict[str, pl.LazyFrame]:
        inputs = {name: self._frame(name) for name in read}
        if table.history:
            inputs[table.history.name] = self._looked_back(table.history)[0]
        return inputs

    def _versions_read(self, table: Table) -> dict[str, str]:
        versions = {name: self._version(name) for name in table.upstream}
        if table.history:
            versions[table.history.name] = self._looked_back(table.history)[1]
        return versions

    def _looked_back(self, history: History) -> tuple[pl.LazyFrame, str]:
        if history not in self._earlier:
            self._earlier[history] = self.past.rows(history, self.ds).lazy(), self.past.version(history, self.ds)
        return self._earlier[history]

    def _begin(self) -> None:
        """Build the tables that follow, and compare them, while others are audited and written."""
        for table in self._following:
            made = self._building.submit(self._made_ahead, table)
            self._begun[table.name] = made, self._comparing.submit(self._compared_ahead, table, made)

    def _let_go(self) -> None:
        """Give up what was begun of tables that a failed one holds up."""
        held_up = set(self.failed)
        for name in list(self._begun):
            if held_up.intersection(self.by_name[name].upstream):
                held_up.add(name)
                for future in self._begun.pop(name):
                    future.cancel()

    def _made_ahead(self, table: Table) -> Made | None:
        """What the table's function makes, where all that it reads is there by now."""
        if any(name not in self.frames for name in table.upstream):
            return None
        made = self._made(table)
        self._hand_on_ahead(table, made.built)
        return made

    def _compared_ahead(self, table: Table, making: Future[Made | None]) -> list[Finding]:
        made = making.result()
        return self._compared(table, made) if made else []

    def _made(self, table: Table) -> Made:
        if table.build is None:
            raise LookupError(f"{table.name} has no function")
        inputs = self._read(table, table.upstream)
        return Made(inputs, *self._built(table, table.build, inputs))

    def _compared(self, table: Table, made: Made) -> list[Finding]:
        return list(table.agreement(made.inputs, made.built.rows, self.settings)) if table.agreement else []

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

    def _written_and_audited(self, table: Table, built: Built, aside: Mapping[str, Sample]) -> Audited:
        if built.rows.height <= LEAST_ROWS_BESIDE:
            path = self.warehouse.stage(table, self.ds, built.rows)
            return self._audit(table, path, built.rows, built.numbers, aside)
        writing = self._writing.submit(self._written, table, built.rows)
        judged = self._verdicts(table, built.rows, built.numbers, aside)
        path, digest = writing.result()
        return Audited(table, path, built.rows.lazy(), rows_of(path), judged, digest)

    def _written(self, table: Table, rows: pl.DataFrame) -> tuple[Path, str]:
        path = self.warehouse.stage(table, self.ds, rows)
        durable.sync_file(path)
        return path, durable.sha256_of(path)

    def _audit(
        self, table: Table, path: Path, frame: pl.DataFrame | pl.LazyFrame, numbers: Mapping[str, int],
        aside: Mapping[str, Sample] | None = None,
    ) -> Audited:  # fmt: skip
        judged = self._verdicts(table, frame, numbers, aside)
        # Rows are counted in the file itself: a file that was written short is none that may be published.
        return Audited(table, path, frame.lazy(), rows_of(path), judged)

    def _verdicts(
        self, table: Table, frame: pl.DataFrame | pl.LazyFrame, numbers: Mapping[str, int],
        aside: Mapping[str, Sample] | None,
    ) -> list[Verdict]:  # fmt: skip
        findings = contract_of(table, self.settings).audit(frame)
        return verdicts(table, findings, numbers, self.settings.max_quarantined_share, aside)

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
                numbers=built.numbers if own else {}, digest=each.digest,
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
        self.failed |= {each.table.name: "refused" for each in staged}
        self._let_go()
        for each in staged:
            kept = self.warehouse.refuse(each.table, self.ds, each.files)
            yield Outcome(
                each.table, self.ds, None, each.verdicts, built.numbers, time.perf_counter() - started,
                f"{failing} failed; what was published before stays", "refused", refused=kept, refused_beside=beside,
            )  # fmt: skip
            beside = kept

    def _hand_on(self, staged: Audited, beyond: Mapping[str, pl.Series]) -> None:
        """To the tables that are made from it: what they read of it, as it is, or from its file where that is large."""
        table = staged.table
        if table.name in self._handed_on:
            return
        if table.build is None and not table.built_with and staged.rows > MOST_ROWS_HANDED_ON:
            # All that was received takes more memory than to read it again, part by part, takes time.
            self.frames[table.name] = self.warehouse.scan_held(table, self.ds)
        else:
            self._keep(table, staged.frame, beyond)

    def _hand_on_ahead(self, table: Table, built: Built) -> None:
        """The same before it is published: if it never is, neither is what is made from it."""
        self._keep(table, built.rows.lazy(), built.beyond)
        self._handed_on.add(table.name)

    def _keep(self, table: Table, frame: pl.LazyFrame, beyond: Mapping[str, pl.Series]) -> None:
        kept = frame.select(table.read_after) if table.read_after else frame
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
