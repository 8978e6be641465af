"""A cluster: a day's events are made by its machines, the small tables of what these hand back, by the same functions.

Nothing is published that was not audited: machines write files where no reader looks and say which, what they found is
added up here, and only files of attempts that Spark counts are put in place. So a lost machine, a task that is tried
again or twice at once makes no row twice and loses none.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
from pydantic import SecretStr

from growth_assets.checks.verdict import Verdict, verdicts
from growth_assets.contracts.contract import Finding
from growth_assets.contracts.sample import Sample, put_aside
from growth_assets.contracts.table import Built, ByVisitor, Sums, Table, contract_of
from growth_assets.engines import tasks
from growth_assets.engines.cluster import Cluster
from growth_assets.engines.local import ATTEMPTS, Audited, Day, Outcome, Received, Receiving, damage_explained, damaged
from growth_assets.engines.past import Past
from growth_assets.engines.tasks import Report, Work
from growth_assets.places import Place
from growth_assets.settings import Settings, Spark
from growth_assets.warehouse import durable
from growth_assets.warehouse.partitions import Part, Warehouse, WarehouseError, rows_of, scan
from growth_assets.warehouse.versions import code_version

ROWS_GATHERED = 1_000_000
"""Of so few rows that were put aside one file is made, in the order that it has where one machine makes it."""


class ClusterDay(Day):
    """The build of one day by a cluster; as `Day` to whoever asks."""

    def __init__(
        self, warehouse: Warehouse, settings: Settings, ds: str, tables: Sequence[Table], cluster: Cluster,
        past: Past | None = None,
    ) -> None:  # fmt: skip
        super().__init__(warehouse, settings, ds, tables, past)
        self.cluster = cluster
        self.wanted: Collection[str] = ()
        self.report = Report(0)
        self._landed: dict[Path, Place] = {}
        """Received files as they are staged, and as they landed."""
        self.made: dict[str, str] = {}
        """Tables that the report speaks of, and by which code version they were made."""

    def build(self, wanted: Collection[str], receiving: Receiving) -> Iterator[Outcome]:
        """Build the wanted tables in order; an outcome for each, as soon as it is known."""
        self.wanted = wanted
        yield from super().build(wanted, receiving)

    def _receive(self, table: Table, receiving: Receiving) -> Iterator[Outcome]:
        started = time.perf_counter()
        with receiving(self.ds) as received:
            there = [path for path in received.files if isinstance(path, Path) and path.exists()]
            version = code_version(table, self.settings)
            try:
                staged = self.warehouse.link_parts(table, self.ds, there, str(sorted(received.inputs.items())))
            except pa.ArrowException as error:
                raise damage_explained(received, self.ds, error) from error
        if not received.files:
            self.failed[table.name] = "empty"
            yield Outcome(table, self.ds, None, reason=f"no event of {self.ds} has landed", status="empty")
            return
        self._landed = {part.path: path for part, path in zip(staged, there, strict=True)}
        self._run(table, [(part.path, part.rows) for part in staged], received)
        audited = self._audited(table, staged, {})
        gone = [str(path) for path in received.files if path not in there]
        landed = dict.fromkeys(table.upstream, received.rows)
        built = Built(self._nothing(table))
        yield from self._publish(table, [audited], built, received.inputs, version, landed, started, gone)

    def _make(self, table: Table) -> Iterator[Outcome]:
        if isinstance(table.parts, ByVisitor):
            yield from self._make_by_visitor(table)
        elif isinstance(table.parts, Sums):
            yield from self._make_of_sums(table, table.parts)
        else:
            yield from super()._make(table)

    def _make_by_visitor(self, table: Table) -> Iterator[Outcome]:
        started = time.perf_counter()
        if table.name not in self.made:
            (upstream,) = table.upstream
            self._run(None, self._files(upstream), None)
        (other,) = self.beside[table.name]
        numbers = self.report.numbers
        staged = [self._gathered(other), self._audited(table, self._parts(table), numbers)]
        aside = self._put_aside(staged[0])
        staged[-1] = replace(staged[-1], verdicts=self._judged(table, numbers, aside))
        upstream_rows = {name: self._rows(name) for name in table.upstream} if table.balance else {}
        versions = {name: self._version(name) for name in table.upstream}
        built = Built(self._nothing(table), numbers=numbers)
        yield from self._publish(table, staged, built, versions, self.made[table.name], upstream_rows, started)

    def _make_of_sums(self, table: Table, sums: Sums) -> Iterator[Outcome]:
        started = time.perf_counter()
        events, *others = table.upstream
        if table.name not in self.made:
            self._run(None, self._files(events), None, small=True)
        inputs, versions = self._inputs(table, others)
        rows = tasks.unpacked(self.report.sums[table.name])
        built = Built(sums.finish(rows, inputs, self.settings))
        recounted = self.report.recounted[table.name]

        def compare() -> list[Finding]:
            return [*tasks.with_sums(recounted, [rows], built.rows, sums.key), *sums.in_itself(built.rows)]

        yield from self._audit_and_publish(table, built, versions, self.made[table.name], compare, started)

    def _run(
        self, received: Table | None, files: Sequence[tuple[Path, int]], landed: Received | None, *, small: bool = False
    ) -> None:
        """Have the cluster make what is wanted of the files, of which the rows are known.

        All is made of one state of the code and of the files that it reads.
        """
        events = next((each for each in self.by_name.values() if isinstance(each.parts, ByVisitor)), None)
        if events is None or not isinstance(events.parts, ByVisitor):
            raise LookupError("no table is made by visitor")
        group = {events.name, *(each.name for each in self.beside[events.name])}
        wide = not small and not group.isdisjoint(self.wanted)
        summed = tuple(
            each for each in self.by_name.values()
            if isinstance(each.parts, Sums) and each.name in self.wanted and (small or wide)
        )  # fmt: skip
        step = self.settings.spark.events_a_task
        digests = {path: landed.digests.get(where, "") for path, where in self._landed.items()} if landed else {}
        shares = tasks.in_shares(files, step, digests)
        made = [*([events] if wide else []), *summed]
        versions = self._versions(made)
        for _ in range(ATTEMPTS):
            before = versions
            work = Work(
                self._for_machines(),
                pieces=max(1, -(-sum(rows for _, rows in files) // step)),
                visitor=events.parts.visitor,
                received=received,
                events=events if wide else None,
                aside=self.beside[events.name][0] if wide else None,
                columns=events.read_after if wide or small else (),
                small=summed,
                folder=str(self.warehouse.staging_folder(events, self.ds)),
            )
            what = f"{self.ds}: {', '.join(each.name for each in (received, *made) if each)}"
            self.report = tasks.merged(work, self.cluster.run(work, shares, what) if shares else [])
            self._require_undamaged(landed)
            versions = self._versions(made)
            if versions == before:
                break
        self.made = before

    def _for_machines(self) -> Settings:
        """The settings as the machines are told them: no secret that they need not know, and files that they reach."""
        nothing_of_it = Spark(events_a_task=self.settings.spark.events_a_task)
        told = self.settings.model_copy(update={"alert_urls": SecretStr(""), "spark": nothing_of_it})
        if told.country_database is None:
            return told
        # By its content: a process of a machine opens it once, and one that is replaced meanwhile is another file.
        shared = self.warehouse.workplace / "_cluster" / f"{durable.sha256_of(told.country_database)[:16]}.mmdb"
        if not shared.exists():
            shared.parent.mkdir(parents=True, exist_ok=True)
            staged = shared.with_name(f".{shared.name}.{secrets.token_hex(4)}")
            shutil.copyfile(told.country_database, staged)
            durable.put_in_place(staged, shared)
        return told.model_copy(update={"country_database": shared})

    def _versions(self, tables: Sequence[Table]) -> dict[str, str]:
        return {table.name: code_version(table, self.settings) for table in tables}

    def _require_undamaged(self, received: Received | None) -> None:
        if self.report.damaged:
            if received:
                wrong = {self._landed[Path(path)]: why for path, why in self.report.damaged.items()}
                raise damaged(received, self.ds, wrong)
            first, why = next(iter(self.report.damaged.items()))
            raise WarehouseError(f"{first} is damaged ({why}). Restore it from a backup")

    def _files(self, name: str) -> list[tuple[Path, int]]:
        files = self.warehouse.files(self.by_name[name], self.ds)
        return [(path, rows_of(path)) for path in files if isinstance(path, Path)]

    def _parts(self, table: Table) -> list[Part]:
        return [part for _, part in sorted(self.report.parts.get(table.name, {}).items())]

    def _nothing(self, table: Table) -> pl.DataFrame:
        return pl.DataFrame(schema=contract_of(table, self.settings).dtypes)

    def _judged(self, table: Table, numbers: Mapping[str, int], aside: Mapping[str, Sample]) -> list[Verdict]:
        found = self.report.findings.get(table.name) or contract_of(table, self.settings).audit(self._nothing(table))
        return verdicts(table, found, numbers, self.settings.max_quarantined_share, aside)

    def _audited(self, table: Table, parts: Sequence[Part], numbers: Mapping[str, int]) -> Audited:
        """What machines wrote, or was linked, with what they found in it."""
        rows = sum(part.rows for part in parts)
        files = (
            parts[0].path if len(parts) == 1
            else parts if parts
            else self.warehouse.stage(table, self.ds, self._nothing(table))
        )  # fmt: skip
        return Audited(table, files, self._nothing(table).lazy(), rows, self._judged(table, numbers, {}))

    def _gathered(self, table: Table) -> Audited:
        """Rows put aside: one file in their order, unless they are too many."""
        parts = self._parts(table)
        if sum(part.rows for part in parts) > ROWS_GATHERED:
            return self._audited(table, parts, {})
        rows = [scan(part.path).collect() for part in parts]
        frame = pl.concat([self._nothing(table), *rows])
        frame = frame.sort("file_started_at", "source_file", "line_number", maintain_order=True)
        return self._audit(table, self.warehouse.stage(table, self.ds, frame), frame, {})

    def _put_aside(self, staged: Audited) -> Mapping[str, Sample]:
        if isinstance(staged.files, Path):
            return put_aside(scan(staged.files).collect())
        return put_aside(scan(staged.files[0].path).head(ROWS_GATHERED).collect())

    def _hand_on(self, staged: Audited, beyond: Mapping[str, pl.Series]) -> None:
        if isinstance(staged.table.parts, Sums) or staged.table.parts is None:
            super()._hand_on(staged, beyond)
