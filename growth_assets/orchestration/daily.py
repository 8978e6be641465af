"""The daily tables as one Dagster step that goes day by day, table after table, over any range of days.

One step and not one a table: a day is read while it is warm, and a bad day holds up itself alone. Each day's
materializations, metadata, versions and checks are logged as the day is done, so they are true in the UI while the run
goes on. Ordinary asset outputs cannot do that: they would speak of the whole range.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import dagster as dg
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

from growth_assets.checks.verdict import Verdict
from growth_assets.contracts.table import Judgement, Table
from growth_assets.engines.local import Day, Outcome, Received, Receiving
from growth_assets.engines.past import Past
from growth_assets.ingest import ledger
from growth_assets.orchestration import attempts, recency
from growth_assets.orchestration.catalogue import refresh_catalogue
from growth_assets.orchestration.charts import last_weeks
from growth_assets.orchestration.rule_tables import rule_tables
from growth_assets.orchestration.specs import ROWS, asset_key, asset_spec, check_specs, table_name
from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse.catalogue import CatalogueError, literal
from growth_assets.warehouse.partitions import Warehouse
from growth_assets.watches import WATCHES

Progress = Callable[[str, int, int], None]
"""Told after each day: the day, how many are done, how many there are."""

BAD_DAYS = "days"
"""Under this name a failed run tells its bad days, each with the reason."""

MOST_COMPARED = 20
"""How many hosts or levels a check's metadata shows: those that are breached come first."""

PROGRESS_SECONDS = 5.0
"""How often a line of progress goes into the run's log; each is an event in Dagster's storage."""


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
        wanted = {table_name(key) for key in context.selected_asset_keys}
        warehouse = Warehouse.of(settings)
        landed = receiving(settings)
        events = _Events(context, next((ds for ds in reversed(days) if _landed(landed, ds)), None))
        past = Past(warehouse, settings, DAILY, WATCHES)
        code = attempts.code_of(settings) if wanted == {table.name for table in DAILY} else None
        bad: dict[str, str] = {}
        started = last_told = time.monotonic()
        for done, ds in enumerate(days, start=1):
            try:
                with warehouse.building(ds):
                    attempt = _begin(settings, ds, landed, code) if code else None
                    day = Day(warehouse, settings, ds, DAILY, past)
                    for outcome in day.build(wanted, landed):
                        yield from events.log(outcome)
                        if outcome.status in {"refused", "held_up"}:
                            # What is put aside is refused with the table that puts it aside: that one is to be named.
                            name = outcome.table.built_with or outcome.table.name
                            bad.setdefault(ds, f"{name}: {outcome.reason}")
                            context.log.warning(f"{ds}: {outcome.table.name} not published: {outcome.reason}")
                    yield from events.judged(day, wanted)
                    if attempt:
                        attempts.end(settings, ds, attempt, refused=ds in bad)
            except dg.DagsterExecutionInterruptedError:
                raise
            except Exception as error:
                # Whatever goes wrong with one day must not hold up the others; the run still ends failed and says it.
                bad[ds] = f"{type(error).__name__}: {error}"
                context.log.exception(f"{ds}: not built")
            progress(ds, done, len(days))
            now = time.monotonic()
            if done == 1:
                # So that the first day can be read while the others are built; the last refresh is the one that counts.
                with suppress(OSError, CatalogueError):
                    refresh_catalogue(settings)
            if now - last_told >= PROGRESS_SECONDS or done == len(days):
                last_told = now
                rate = done / max(now - started, 1e-9)
                left = (len(days) - done) / rate
                context.log.info(f"{done} of {len(days)} days done, {rate:.1f} days a second, {left:.0f} s left")
        refresh_catalogue(settings)
        yield from recency.evaluations(settings, context.instance, context.selected_asset_check_keys)
        if bad:
            listed = "\n".join(f"{ds}: {why}" for ds, why in bad.items())
            raise dg.Failure(
                f"{len(bad)} of {len(days)} days not published in full:\n{listed}",
                metadata={BAD_DAYS: dg.MetadataValue.json(bad)},
                allow_retries=False,
            )
        for output in context.op_execution_context.selected_output_names:
            if output in check_outputs:
                yield dg.Output(None, output_name=output)

    check_outputs = {spec.get_python_identifier() for spec in build.check_specs}
    return build


def receiving(settings: Settings) -> Receiving:
    """What landed for a day, as the ledger says at that moment."""
    cached = ledger.Cached(settings.warehouse)

    @contextmanager
    def received(ds: str) -> Iterator[Received]:
        with ledger.held(settings.workplace):
            landed = cached.read()
            yield Received(landed.segments(ds), landed.inputs(ds), landed.rows(ds))

    return received


def _landed(landed: Receiving, ds: str) -> int:
    with landed(ds) as received:
        return received.rows


def _begin(settings: Settings, ds: str, landed: Receiving, code: str) -> attempts.Attempts:
    with landed(ds) as received:
        return attempts.begin(settings, ds, attempts.version_of(received.inputs, code))


class _Events:
    """The events that make a day true in Dagster."""

    def __init__(self, context: dg.AssetExecutionContext, charted: str | None) -> None:
        """`charted` is the day that gets a chart: the newest of the run, which the pages show first."""
        self.context, self.charted = context, charted
        self.checks = context.selected_asset_check_keys
        self.pointers: dict[tuple[str, str], int] = {}
        self.targets: dict[tuple[str, str], AssetCheckEvaluationTargetMaterializationData] = {}

    def log(self, outcome: Outcome) -> Iterator[AssetCheckEvaluation]:
        """Log the materialization of what was published; give the check evaluations."""
        target = self._materialize(outcome) if outcome.record else None
        key = asset_key(outcome.table.name)
        if target:
            self.targets[outcome.table.name, outcome.ds] = target
        for verdict in outcome.verdicts:
            if dg.AssetCheckKey(key, verdict.check) in self.checks:
                yield AssetCheckEvaluation(
                    asset_key=key,
                    check_name=verdict.check,
                    passed=verdict.passed,
                    severity=dg.AssetCheckSeverity[verdict.severity],
                    metadata=_check_metadata(verdict, outcome),
                    blocking=True,
                    description=verdict.description,
                    partition=outcome.ds,
                    target_materialization_data=target,
                )

    def judged(self, day: Day, wanted: Collection[str]) -> Iterator[AssetCheckEvaluation]:
        """Give the evaluations of the checks that compare what was published of the day with the days before."""
        for watch, judgement in day.judge(wanted):
            key = asset_key(watch.table)
            if dg.AssetCheckKey(key, watch.check) in self.checks:
                yield AssetCheckEvaluation(
                    asset_key=key,
                    check_name=watch.check,
                    passed=judgement.state != "breached",
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata=_judgement_metadata(judgement, watch.table, day.ds),
                    blocking=False,
                    description=judgement.reason or watch.description,
                    partition=day.ds,
                    target_materialization_data=self.targets.get((watch.table, day.ds)),
                )

    def _materialize(self, outcome: Outcome) -> AssetCheckEvaluationTargetMaterializationData | None:
        record = outcome.record
        if record is None:
            return None
        table, ds = outcome.table, outcome.ds
        tags = {CODE_VERSION_TAG: record.code_version, DATA_VERSION_TAG: record.sha256}
        for name, version in record.inputs.items():
            if table.history and name == table.history.name:
                continue  # many days: no one asset has this version
            upstream = asset_key(name).to_user_string()
            tags[f"{INPUT_DATA_VERSION_TAG_PREFIX}/{upstream}"] = version
            pointer = self._pointer(name, ds)
            if pointer is not None:
                tags[f"{INPUT_EVENT_POINTER_TAG_PREFIX}/{upstream}"] = str(pointer)
        metadata = dict(_materialization_metadata(outcome))
        if ds == self.charted:
            metadata |= last_weeks(self.context.instance, table, ds, metadata)
        self.context.log_event(
            dg.AssetMaterialization(asset_key(table.name), partition=ds, metadata=metadata, tags=tags)
        )
        latest = self._latest(table.name, ds)
        if latest is None:
            return None
        self.pointers[table.name, ds] = latest.storage_id
        return AssetCheckEvaluationTargetMaterializationData(
            storage_id=latest.storage_id, run_id=latest.run_id, timestamp=latest.timestamp
        )

    def _pointer(self, name: str, ds: str) -> int | None:
        """Storage id of the upstream's latest materialization: without it Dagster shows a new dependency."""
        if (name, ds) not in self.pointers:
            partition = ds if name in BY_NAME else None
            latest = self._latest(name, partition)
            if latest is None:
                return None
            self.pointers[name, ds] = latest.storage_id
        return self.pointers[name, ds]

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
        rows = f"SELECT * FROM read_parquet({literal(str(outcome.refused_beside))})"
        metadata["sql"] = f"{rows} WHERE rule = {literal(verdict.check)}"
    elif not verdict.passed and outcome.refused is not None:
        metadata["not_published"] = dg.MetadataValue.path(str(outcome.refused))
        metadata["sql"] = f"SELECT * FROM read_parquet({literal(str(outcome.refused))})"
    elif not verdict.passed and outcome.table.balance:
        metadata["sql"] = f"SELECT * FROM raw.quarantined_events WHERE ds = {literal(outcome.ds)}" + (
            f" AND rule = {literal(verdict.check)}" if verdict.check in outcome.table.checks else ""
        )
    return metadata


def rows_of_day(table: str, ds: str) -> str:
    """The statement that shows what is published of a day."""
    return f"SELECT * FROM {table} WHERE ds = {literal(ds)}"


def daily_keys(tables: Sequence[Table] = DAILY) -> list[dg.AssetKey]:
    """Keys of the daily tables."""
    return [asset_key(table.name) for table in tables]
