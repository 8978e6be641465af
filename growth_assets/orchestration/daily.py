"""The daily tables as one Dagster step that goes day by day, table after table, over any range of days.

One step and not one a table: a day is read while it is warm, and a bad day holds up itself alone. Each day's
materializations, metadata, versions and checks are logged as the day is done, so they are true in the UI while the run
goes on. Ordinary asset outputs cannot do that: they would speak of the whole range.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    INPUT_DATA_VERSION_TAG_PREFIX,
    INPUT_EVENT_POINTER_TAG_PREFIX,
)
from dagster._utils.interrupts import capture_interrupts, check_captured_interrupt, pop_captured_interrupt

from growth_assets import workers
from growth_assets.checks.verdict import Verdict
from growth_assets.contracts.table import ByVisitor, Judgement, Table, Watch
from growth_assets.engines import cluster
from growth_assets.engines.cluster import CanceledError, Cluster
from growth_assets.engines.local import Day, Outcome
from growth_assets.engines.past import Past
from growth_assets.engines.spark import ClusterDay
from growth_assets.ingest import clock, ledger
from growth_assets.ingest.ledger import LedgerError
from growth_assets.orchestration import attempts, builders, canceled, one_day, recency
from growth_assets.orchestration.catalogue import refresh_catalogue
from growth_assets.orchestration.charts import last_weeks
from growth_assets.orchestration.event_log import Materialized, together
from growth_assets.orchestration.instance import keep_connections
from growth_assets.orchestration.on_cluster import (
    PROGRESS_SECONDS,
    ClusterCatalogue,
    tell_session,
    tell_spent,
    wait_for,
)
from growth_assets.orchestration.rule_tables import rule_tables
from growth_assets.orchestration.specs import BY_DAY, ROWS, asset_key, asset_spec, check_specs, table_name
from growth_assets.orchestration.stale_days import standing_on
from growth_assets.places import is_remote
from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse.catalogue import CatalogueError, literal
from growth_assets.warehouse.partitions import Record, Warehouse, WarehouseError
from growth_assets.warehouse.remedies import with_remedy
from growth_assets.watches import WATCHES

AHEAD = 6
"""So many days may be built before the first of them is logged; no table stands on days as near as that."""

EVENTS_AT_ONCE = 500_000
"""Days of more events together are built one after the other: a day has to fit into memory, and not two."""

Progress = Callable[[str, int, int], None]
"""Told after each day: the day, how many are done, how many there are."""

BAD_DAYS = "days"
"""Under this name a failed run tells its bad days, each with the reason."""

UNVIEWED = "catalogue"
"""Under this name a failed run tells why the catalogue of views, or what stands on its days, is not up to date."""

MOST_COMPARED = 20
"""How many hosts or levels a check's metadata shows: those that are breached come first."""


def daily_tables(settings: Settings, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The multi-asset of all daily tables."""

    @dg.multi_asset(
        name="daily_tables",
        specs=[
            asset_spec(table, settings, partitions, BY_NAME[table.built_with] if table.built_with else None)
            for table in DAILY
        ],
        check_specs=check_specs(DAILY, WATCHES, settings, partitions),
        can_subset=True,
        # On Dagster's pages its limit says how many runs use the cluster at once.
        pool="spark" if settings.engine == "spark" else None,
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="Builds the chosen tables day by day; each day is audited before it is published.",
    )
    def build(context: dg.AssetExecutionContext, progress: dg.ResourceParam[Progress]) -> Iterator[Any]:
        if not (context.has_partition_key or context.has_partition_key_range):
            # So does "Execute all" on a page of checks: it asks for no day.
            yield from recency.evaluations(settings, context.instance, context.selected_asset_check_keys)
            raise dg.Failure(
                "No day was chosen. Checks are evaluated as their day is built: materialize the days to check.",
                allow_retries=False,
            )
        days = sorted(context.partition_keys)
        building = _Building(context, settings, days)
        building.tell_versions(days)
        if settings.engine == "spark":
            # Before a day takes another form, so that views see it in either.
            with suppress(OSError, CatalogueError):
                refresh_catalogue(settings)

        def told(ds: str, done: int) -> None:
            progress(ds, done, len(days))
            if done == 1 < len(days):
                # So that the first day can be read while the others are built; the last refresh is the one that counts.
                with suppress(OSError, CatalogueError):
                    refresh_catalogue(settings)

        bad = building.days(days, told)
        yield from building.events.told
        unviewed = " ".join(filter(None, [building.not_looked, _not_refreshed(settings) or building.unregistered]))
        yield from recency.evaluations(settings, context.instance, context.selected_asset_check_keys)
        if bad or unviewed:
            tried = len(days) + len(building.restated)
            listed = [f"{len(bad)} of {tried} days not published in full:"] if bad else []
            listed += [f"{ds}: {why}" for ds, why in bad.items()]
            raise dg.Failure(
                "\n".join([*listed, unviewed] if unviewed else listed),
                metadata={BAD_DAYS: dg.MetadataValue.json(bad), UNVIEWED: unviewed},
                allow_retries=False,
            )
        for output in context.op_execution_context.selected_output_names:
            if output in check_outputs:
                yield dg.Output(None, output_name=output)

    check_outputs = {spec.get_python_identifier() for spec in build.check_specs}
    return build


def _not_refreshed(settings: Settings) -> str:
    """Bring the catalogue up to date; why it could not be, or ""."""
    try:
        refresh_catalogue(settings)
    except (OSError, CatalogueError) as error:
        why = with_remedy(f"{type(error).__name__}: {error}")
        return f"The views of {settings.catalogue} are not up to date, though the days are: {why}"
    return ""


@dataclass(frozen=True)
class _Built:
    """What became of one day, which is still held."""

    day: Day
    wanted: Collection[str]
    outcomes: Sequence[Outcome]
    attempt: attempts.Attempts | None
    before: attempts.Attempts | None
    """The attempts at the day until then."""
    over: bool
    """The day was past when its build began."""
    error: BaseException | None
    """Whatever went wrong, unless it was a check."""
    held: ExitStack
    """Close it when all is logged: until then no other process builds the day."""


class _Clock:
    """Says now and then how far a run is."""

    def __init__(self, days: int) -> None:
        self.days = days
        self.first_done = self.last_told = time.monotonic()

    def line(self, done: int) -> str:
        """How far it is, or "" where that was said just now."""
        now = time.monotonic()
        if done <= 1:
            # The first day waits for what is made ready once: it tells nothing of the others.
            self.first_done = now
        if now - self.last_told < PROGRESS_SECONDS and done < self.days:
            return ""
        self.last_told = now
        if done <= 1:
            return f"{done} of {self.days} days done"
        rate = (done - 1) / max(now - self.first_done, 1e-9)
        return f"{done} of {self.days} days done, {rate:.1f} days a second, {(self.days - done) / rate:.0f} s left"


class _Building:
    """The days of one run: built some at once, but judged and logged one after the other."""

    def __init__(self, context: dg.AssetExecutionContext, settings: Settings, days: Sequence[str]) -> None:
        self.context, self.settings = context, settings
        self.wanted = {table_name(key) for key in context.selected_asset_keys}
        self.warehouse = Warehouse.of(settings)
        self.landed = one_day.receiving(settings)
        self.events_of: dict[str, int] = {}
        self.past = Past(self.warehouse, settings, DAILY, WATCHES)
        self.events = _Events(context, days, next((ds for ds in reversed(days) if self._landed(ds)), None))
        self.restated: Mapping[str, Collection[str]] = {}
        """Later days of which some tables stand on those of the run, and are built again: the day, and which."""
        self.not_looked = ""
        """Why nobody knows which they are."""
        self.code = attempts.code_of(settings)
        self.name = secrets.token_hex(8)
        self.workers = workers.Workers()
        self.cluster: Cluster | None = None
        self.catalogue: ClusterCatalogue | None = None

    @property
    def unregistered(self) -> str:
        """Why the cluster's own catalogue is not up to date, or ""."""
        return self.catalogue.why if self.catalogue else ""

    def tell_versions(self, days: Sequence[str]) -> None:
        """Note on a run that a person asked for in Dagster's pages what it is to build, in case it is canceled.

        The sensor's runs say so from the start, and a build of the command line goes on when it is asked to.
        """
        tags = self.context.run.tags
        if (
            not self._is_whole(self.wanted)
            or builders.TAG in tags
            or any(tag.startswith(canceled.PREFIX) for tag in tags)
        ):
            return
        with ledger.held(self.settings.workplace):
            landed = ledger.read(self.settings.warehouse)
        now = clock.now()
        versions = {
            ds: attempts.version_asked(
                attempts.version_of(landed.inputs(ds), self.code), attempts.read(self.settings, ds), ds, now
            )
            for ds in days
        }
        self.context.instance.add_run_tags(self.context.run.run_id, canceled.tags_of(versions))

    def days(self, days: Sequence[str], told: Callable[[str, int], None]) -> dict[str, str]:
        """Build the days, then what stands on them; gives the days not published in full, with the reason.

        Someone who stops the run waits until the days under way are done: what is published of them is whole and stays.
        """
        bad: dict[str, str] = {}
        clock = _Clock(len(days))

        def tell(ds: str, done: int) -> None:
            told(ds, done)
            if line := clock.line(done):
                self.context.log.info(line)

        with (
            self._cluster_at_hand(),
            capture_interrupts(),
            workers.at_hand() as self.workers,
            ThreadPoolExecutor(self._at_once()) as self.pool,
            pl.Config() as self.polars,
        ):
            if not self.cluster and len(days) >= workers.WORTH_IT and not is_remote(self.settings.warehouse):
                self.workers.start(one_day.__name__)
            done = self._each(dict.fromkeys(days, self.wanted), bad, tell)
            if not check_captured_interrupt():
                self.restated = self._standing_on(days)
                self.events.chart(max(self.restated, default=None))
                done += self._each(self.restated, bad)
            stopped = pop_captured_interrupt()
        if stopped:
            self._tell_stopped(done, len(days) + len(self.restated))
            raise dg.DagsterExecutionInterruptedError
        return bad

    def _standing_on(self, days: Sequence[str]) -> Mapping[str, Collection[str]]:
        """What stands on the days; nothing, and the reason kept, where that cannot be found out: they are built."""
        try:
            return standing_on(self.settings, self.warehouse, days, self.wanted)
        except (LedgerError, WarehouseError, OSError) as error:
            why = with_remedy(f"{type(error).__name__}: {error}")
            self.not_looked = (
                f"What stands on the days that were built was not built again, and a build is needed: {why}"
            )
            return {}

    def _each(
        self, days: Mapping[str, Collection[str]], bad: dict[str, str],
        told: Callable[[str, int], None] = lambda ds, done: None,  # noqa: ARG005 - nobody listens
    ) -> int:  # fmt: skip
        """Build the tables of each day; how many days are done, all of them unless someone stops the run."""
        coming = deque(days)
        under_way: deque[tuple[str, Future[_Built]]] = deque()
        done = 0
        try:
            while coming or under_way:
                while coming and self._may_begin(coming[0], [day for day, _ in under_way]):
                    # A day costs some 700 queries: of few events they take a fourth less time in memory.
                    self.polars.set_engine_affinity("in-memory" if self._small(coming[0]) else None)
                    under_way.append((coming[0], self.pool.submit(self._build, coming[0], days[coming[0]])))
                    coming.popleft()
                ds, building = under_way.popleft()
                if self.cluster:
                    wait_for(building, self.context, self.cluster)
                if why := self._finish(ds, building.result()):
                    bad[ds] = why
                del building  # and with it the day's rows, before the next one is begun
                done += 1
                told(ds, done)
                if check_captured_interrupt():
                    coming.clear()
                    under_way = deque(each for each in under_way if not each[1].cancel())
        finally:
            for _, building in under_way:
                if not building.cancel():
                    building.result().held.close()
        return done

    @contextmanager
    def _cluster_at_hand(self) -> Iterator[None]:
        if self.settings.engine != "spark":
            yield
            return
        with cluster.at_hand(self.settings) as self.cluster:
            tell_session(self.context, self.cluster)
            self.catalogue = ClusterCatalogue(self.context, self.cluster, self.settings, self.warehouse)
            self.catalogue.ensure()
            yield

    def _tell_stopped(self, done: int, days: int) -> None:
        self.context.log.warning(f"Stopped: {done} of {days} days done, the others as they were")
        # Whoever stops a build of the command line meant to: to Dagster that is a run canceled, and no failure.
        instance, run = self.context.instance, self.context.instance.get_run_by_id(self.context.run.run_id)
        if run and builders.TAG in run.tags and run.status is dg.DagsterRunStatus.STARTED:
            instance.report_run_canceling(run)

    def _at_once(self) -> int:
        return max(workers.AT_ONCE, self.settings.spark.large_days_at_once if self.cluster else 0)

    def _may_begin(self, ds: str, under_way: Sequence[str]) -> bool:
        """True where the day may be begun beside those under way."""
        if not self.cluster:
            return len(under_way) < (AHEAD if self._small(ds, under_way) else 1)
        large = sum(map(self._of_several_tasks, [ds, *under_way]))
        return len(under_way) < AHEAD and (
            not self._of_several_tasks(ds) or large <= self.settings.spark.large_days_at_once
        )

    def _of_several_tasks(self, ds: str) -> bool:
        return self._landed(ds) > self.settings.spark.events_a_task

    def _small(self, ds: str, under_way: Iterable[str] = ()) -> bool:
        """True where the day, with those under way, takes little memory here."""
        return self.cluster is not None or sum(map(self._landed, [ds, *under_way])) <= EVENTS_AT_ONCE

    def _landed(self, ds: str) -> int:
        if ds not in self.events_of:
            with self.landed(ds) as received:
                self.events_of[ds] = received.rows
        return self.events_of[ds]

    def _build(self, ds: str, wanted: Collection[str]) -> _Built:
        """Build one day, in a thread of its own, by a worker where there is one: of Dagster both know nothing."""
        day = self._day(ds)
        outcomes: list[Outcome] = []
        attempt: attempts.Attempts | None = None
        before: attempts.Attempts | None = None
        over = clock.is_over(ds, clock.now())
        held = ExitStack()
        try:
            lock = held.enter_context(self.warehouse.building(ds))
            before = attempts.read(self.settings, ds)
            attempt = self._begin(ds, before, wanted)
            try:
                with self.workers.one() as worker:
                    # A worker has its own memory and no more cores: of a day for which both count, it would be no help.
                    if worker and self._small(ds):
                        outcomes.extend(one_day.build_by(worker, lock, self.name, day, wanted))
                        return _Built(day, wanted, outcomes, attempt, before, over, None, held)
            except workers.WorkerEndedError:
                # What it published is published again.
                day = self._day(ds)
            outcomes.extend(day.build(wanted, self.landed))
        except BaseException as error:
            # Also of a day that ends with an error: what was published of it is published. No interrupt comes to a
            # thread, and a panic of Polars is no Exception.
            return _Built(day, wanted, outcomes, attempt, before, over, error, held)
        return _Built(day, wanted, outcomes, attempt, before, over, None, held)

    def _day(self, ds: str) -> Day:
        if self.cluster:
            return ClusterDay(self.warehouse, self.settings, ds, DAILY, self.cluster, self.past)
        return Day(self.warehouse, self.settings, ds, DAILY, self.past)

    def _finish(self, ds: str, built: _Built) -> str:
        """Judge and log one day; why it is not published in full, or "" where it is.

        Whatever goes wrong with one day must not hold up the others; the run still ends failed and says it.
        """
        error, judged = built.error, list[tuple[Watch, Judgement]]()
        with built.held:
            try:
                if error is None:
                    judged += built.day.judge(built.wanted, over=built.over)
            except Exception as wrong:
                error = wrong
            try:
                spent = tell_spent(self.context, self.cluster, ds) if self.cluster else {}
                self.events.log(ds, built.outcomes, judged, spent)
                if self.catalogue:
                    self.catalogue.tell(ds, [each.table for each in built.outcomes if each.record])
                self.past.forget_before(ds)
                refused = _refused(built.outcomes)
                if built.attempt and error is None:
                    whole = self._is_whole(built.wanted)
                    attempts.end(
                        self.settings, ds, built.attempt, refused=whole and bool(refused), early=not built.over
                    )
                elif built.attempt and isinstance(error, CanceledError):
                    attempts.take_back(self.settings, ds, built.before)
            except Exception as wrong:
                error = error or wrong
        if isinstance(error, CanceledError):
            return f"{error}; what was published before stays"
        if error is not None:
            self.context.log.error(f"{ds}: not built", exc_info=error)
            return with_remedy(f"{type(error).__name__}: {error}")
        return refused

    @staticmethod
    def _is_whole(wanted: Collection[str]) -> bool:
        return set(wanted) == {table.name for table in DAILY}

    def _begin(self, ds: str, before: attempts.Attempts | None, wanted: Collection[str]) -> attempts.Attempts | None:
        if before and not self._is_whole(wanted):
            return None  # what is remembered of the whole day stays
        with self.landed(ds) as received:
            return attempts.begin(self.settings, ds, attempts.version_of(received.inputs, self.code))


def _refused(outcomes: Iterable[Outcome]) -> str:
    for outcome in outcomes:
        if outcome.status in {"refused", "held_up"}:
            # What is put aside is refused with the table that puts it aside: that one is to be named.
            return f"{outcome.table.built_with or outcome.table.name}: {outcome.reason}"
    return ""


class _Events:
    """The events that make a day true in Dagster."""

    def __init__(self, context: dg.AssetExecutionContext, days: Collection[str], charted: str | None) -> None:
        """`days` are those that the run was asked for, `charted` the one that gets a chart, as in `chart`."""
        self.context, self.days, self.charted = context, frozenset(days), charted
        keep_connections(context.instance)
        self.checks = context.selected_asset_check_keys
        self.upstream: dict[str, int | None] = {}
        self.told: list[dg.DagsterEvent] = []
        """What whoever runs this in his own process asks for: logged evaluations of what did not pass, and
        materializations of days that the run was not asked for."""

    def chart(self, ds: str | None) -> None:
        """Give this day a chart, if there is one: the newest of those to come, which the pages show first."""
        self.charted = ds or self.charted

    def log(
        self, ds: str, outcomes: Sequence[Outcome], judged: Sequence[tuple[Watch, Judgement]],
        spent: Mapping[str, dg.MetadataValue],
    ) -> None:  # fmt: skip
        """Log the materializations and check evaluations of a day, all at once where the event log can.

        What a cluster `spent` on the day is told with the table that it spends it on: that of all events.
        """
        with together(self.context.instance) as materialized:
            for outcome in outcomes:
                if outcome.record:
                    more = spent if isinstance(outcome.table.parts, ByVisitor) else {}
                    self._materialize(outcome, outcome.record, materialized, more)
                elif outcome.status in {"refused", "held_up"}:
                    self.context.log.warning(f"{ds}: {outcome.table.name} not published: {outcome.reason}")
            for outcome in outcomes:
                for verdict in outcome.verdicts:
                    self._evaluate(
                        outcome.table.name, verdict.check, ds, materialized if outcome.record else {},
                        passed=verdict.passed, severity=dg.AssetCheckSeverity[verdict.severity], blocking=True,
                        metadata=_check_metadata(verdict, outcome), description=verdict.description,
                    )  # fmt: skip
            for watch, judgement in judged:
                self._evaluate(
                    watch.table, watch.check, ds, materialized,
                    passed=judgement.state != "breached", severity=dg.AssetCheckSeverity.WARN, blocking=False,
                    metadata=_judgement_metadata(judgement, watch.table, ds),
                    description=judgement.reason or watch.description,
                )  # fmt: skip
        # They are stored. Dagster would keep the rest until the step ends, and then hand each of them on seven times.
        for event in self.context.op_execution_context.consume_events():
            evaluated = event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
            failed = evaluated and not event.asset_check_evaluation_data.passed
            if failed or (event.is_step_materialization and event.partition not in self.days):
                self.told.append(event)

    def _evaluate(
        self, table: str, check: str, ds: str, materialized: Materialized, *, passed: bool,
        severity: dg.AssetCheckSeverity, blocking: bool, metadata: Mapping[str, Any], description: str,
    ) -> None:  # fmt: skip
        key = asset_key(table)
        if dg.AssetCheckKey(key, check) in self.checks:
            evaluation = AssetCheckEvaluation(
                asset_key=key, check_name=check, passed=passed, severity=severity, metadata=metadata, blocking=blocking,
                description=description, partition=ds, target_materialization_data=materialized.get((key, ds)),
            )  # fmt: skip
            self.context.op_execution_context.log_event(evaluation)  # type: ignore[arg-type]  # it takes them too

    def _materialize(
        self, outcome: Outcome, record: Record, materialized: Materialized, more: Mapping[str, Any]
    ) -> None:
        table, ds = outcome.table, outcome.ds
        tags = {CODE_VERSION_TAG: record.code_version, DATA_VERSION_TAG: record.sha256}
        for name, version in record.inputs.items():
            if table.history and name == table.history.name:
                continue  # many days: no one asset has this version
            upstream = asset_key(name)
            tags[f"{INPUT_DATA_VERSION_TAG_PREFIX}/{upstream.to_user_string()}"] = (
                version if name in BY_NAME else BY_DAY
            )
            pointer = self._pointer(name, ds, materialized)
            if pointer is not None:
                tags[f"{INPUT_EVENT_POINTER_TAG_PREFIX}/{upstream.to_user_string()}"] = str(pointer)
        key = asset_key(table.name)
        metadata = {**_materialization_metadata(outcome), **more}
        if ds == self.charted:
            metadata |= last_weeks(self.context.instance, table, ds, metadata)
        self.context.log_event(dg.AssetMaterialization(key, partition=ds, metadata=metadata, tags=tags))
        if (key, ds) not in materialized and (latest := self._latest(table.name, ds)):
            materialized[key, ds] = AssetCheckEvaluationTargetMaterializationData(
                storage_id=latest.storage_id, run_id=latest.run_id, timestamp=latest.timestamp
            )

    def _pointer(self, name: str, ds: str, materialized: Materialized) -> int | None:
        """Storage id of the upstream's latest materialization: without it Dagster shows a new dependency."""
        if name not in BY_NAME:
            if name not in self.upstream:
                landed = self._latest(name, None)
                self.upstream[name] = landed.storage_id if landed else None
            return self.upstream[name]
        if here := materialized.get((asset_key(name), ds)):
            return here.storage_id
        before = self._latest(name, ds)
        return before.storage_id if before else None

    def _latest(self, name: str, partition: str | None) -> dg.EventLogRecord | None:
        found = self.context.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key(name), asset_partitions=[partition] if partition else None),
            limit=1,
        )
        return found.records[0] if found.records else None


def _materialization_metadata(outcome: Outcome) -> Mapping[str, Any]:
    record = outcome.record
    if record is None:
        return {}
    return {
        ROWS: record.rows,
        "bytes": record.size,
        "seconds": round(outcome.seconds, 3),
        **dict(outcome.headline),
        **{name: value for name, value in record.numbers.items() if not name.startswith("quarantined_") or value},
    }


def _judgement_metadata(judgement: Judgement, table: str, ds: str) -> Mapping[str, Any]:
    compared = judgement.rows.head(MOST_COMPARED)
    return {
        "state": judgement.state,
        "reason": judgement.reason,
        **judgement.numbers,
        "sql": rows_of_day(table, ds),
        "compared": dg.MetadataValue.table(
            records=[
                dg.TableRecord({name: _shown(value) for name, value in row.items()}) for row in compared.to_dicts()
            ],
            schema=dg.TableSchema([dg.TableColumn(name) for name in compared.columns]),
        ),
    }


def _shown(value: object) -> str | int | float | bool:
    if value is None:
        return ""
    return value if isinstance(value, str | int | float | bool) else str(value)


def _check_metadata(verdict: Verdict, outcome: Outcome) -> Mapping[str, Any]:
    metadata: dict[str, Any] = {
        **verdict.numbers,
        **rule_tables(verdict),
        "sql": rows_of_day(outcome.table.name, outcome.ds),
    }
    if not verdict.passed and verdict.numbers.get("quarantined_rows") and outcome.refused_beside is not None:
        # The rows that break the rule are not those of the table, but those put aside.
        metadata["not_published"] = dg.MetadataValue.path(str(outcome.refused_beside))
        rows = f"SELECT * FROM read_parquet({literal(_pattern(outcome.refused_beside))})"
        metadata["sql"] = f"{rows} WHERE rule = {literal(verdict.check)}"
    elif not verdict.passed and outcome.refused is not None:
        metadata["not_published"] = dg.MetadataValue.path(str(outcome.refused))
        metadata["sql"] = f"SELECT * FROM read_parquet({literal(_pattern(outcome.refused))})"
    elif not verdict.passed and outcome.table.balance:
        metadata["sql"] = f"SELECT * FROM raw.quarantined_events WHERE ds = {literal(outcome.ds)}" + (
            f" AND rule = {literal(verdict.check)}" if verdict.check in outcome.table.checks else ""
        )
    return metadata


def _pattern(kept: Path) -> str:
    """What of a refused day is read: its file, or all of its folder."""
    return str(kept / "*.parquet" if kept.is_dir() else kept)


def rows_of_day(table: str, ds: str) -> str:
    """The statement that shows what is published of a day."""
    return f"SELECT * FROM {table} WHERE ds = {literal(ds)}"


def daily_keys(tables: Sequence[Table] = DAILY) -> list[dg.AssetKey]:
    """Keys of the daily tables."""
    return [asset_key(table.name) for table in tables]
