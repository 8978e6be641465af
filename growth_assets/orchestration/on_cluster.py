"""What a run tells of a cluster that works for it, and how it waits for what that is asked to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import Any

import dagster as dg
from dagster._utils.interrupts import capture_interrupts, check_captured_interrupt, pop_captured_interrupt

from growth_assets.contracts.table import Table, contract_of
from growth_assets.engines import cluster, spark_catalogue
from growth_assets.engines.cluster import Cluster, ClusterError
from growth_assets.ingest.begun import Landing
from growth_assets.ingest.landing import Landed
from growth_assets.ingest.many_files import Share
from growth_assets.settings import Settings
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse, WarehouseError

LOOK_SECONDS = 0.5
"""How often it is looked whether somebody stops a run that waits for a cluster."""

PROGRESS_SECONDS = 5.0
"""How often a line of progress goes into the run's log; each is an event in Dagster's storage."""

SPARK_UI, SPARK_APPLICATION = "growth_assets/spark_ui", "growth_assets/spark_application"
"""The tags of a run that say where Spark shows what it does, and by which name Spark knows it."""


def tell_session(context: dg.AssetExecutionContext, at_hand: Cluster) -> None:
    """Say in the run where Spark shows what it does; the session is opened by that."""
    told = {SPARK_UI: at_hand.ui, SPARK_APPLICATION: at_hand.application}
    if at_hand.ui:
        context.log.info(f"Spark shows what it does at {at_hand.ui}")
    context.instance.add_run_tags(context.run.run_id, {name: value for name, value in told.items() if value})


def wait_for(asked: Future[Any], context: dg.AssetExecutionContext, at_hand: Cluster) -> None:
    """Until it is done. What the cluster does is told meanwhile, and ended when an interrupt is captured."""
    told = time.monotonic()
    while not asked.done():
        wait([asked], timeout=LOOK_SECONDS)
        progress: list[str] = []
        # A session may be lost, in as many ways as its clients know: then what was asked for says so.
        with suppress(Exception):
            if check_captured_interrupt():
                # Again and again: it may just have been at the point of asking for something.
                at_hand.cancel()
            if time.monotonic() - told >= PROGRESS_SECONDS:
                progress = at_hand.progress()
                tell_said(context, at_hand)
        for line in progress:
            context.log.info(line)
            told = time.monotonic()
    tell_said(context, at_hand)


def tell_said(context: dg.AssetExecutionContext, at_hand: Cluster) -> None:
    """Say in the run's log what Spark's driver warned of."""
    # A session may be lost, in as many ways as its clients know.
    with suppress(Exception):
        for line in at_hand.said():
            context.log.warning(f"Spark's driver: {line}")


def tell_spent(context: dg.AssetExecutionContext, at_hand: Cluster, name: str) -> dict[str, dg.MetadataValue]:
    """Say in the run's log what the jobs of a day, or what else is asked for, took; the same as metadata."""
    spent = at_hand.spent(name)
    for each in spent:
        context.log.info(f"{each.what}: {each}")
    if not spent:
        return {}
    return {
        "spark_application": dg.MetadataValue.text(spent[-1].application),
        "spark_stages": dg.MetadataValue.int(sum(each.stages for each in spent)),
        "spark_tasks": dg.MetadataValue.int(sum(each.tasks for each in spent)),
        "spark_failed_tasks": dg.MetadataValue.int(sum(each.failed for each in spent)),
        "spark_shuffled_bytes": dg.MetadataValue.int(sum(each.shuffled_bytes for each in spent)),
        "spark_run_seconds": dg.MetadataValue.float(round(sum(each.run_seconds for each in spent), 3)),
        "spark_cpu_seconds": dg.MetadataValue.float(round(sum(each.cpu_seconds for each in spent), 3)),
    }


class ClusterCatalogue:
    """The large tables in the cluster's own catalogue, where a setting names a database of it."""

    def __init__(
        self, context: dg.AssetExecutionContext, at_hand: Cluster, settings: Settings, warehouse: Warehouse
    ) -> None:
        self._context, self._cluster, self._settings, self._warehouse = context, at_hand, settings, warehouse
        self.why = ""
        """Why it is not up to date, or ""."""

    def ensure(self) -> None:
        """Have the tables there, with all their days."""
        for table in spark_catalogue.kept(DAILY):
            self._try(spark_catalogue.ensure, table, contract_of(table, self._settings))

    def tell(self, ds: str, tables: Sequence[Table]) -> None:
        """Have a day of the tables there that was published."""
        for table in spark_catalogue.kept(tables):
            self._try(spark_catalogue.tell, table, ds)

    def _try(self, do: Callable[..., None], *given: object) -> None:
        database = self._settings.spark.catalogue
        if database is None:
            return
        try:
            do(self._cluster, database, self._warehouse, *given)
        except (ClusterError, WarehouseError) as error:
            # The days that follow are told all the same: each of them may be told or not.
            if not self.why:
                self.why = f"The cluster's catalogue {database} is not up to date, though the days are: {error}"
                self._context.log.warning(self.why)


def land(context: dg.AssetExecutionContext, settings: Settings, landing: Landing) -> Landed:
    """Read what is new in landing, by the cluster where that is the engine and so much is new that it pays."""
    if settings.engine != "spark":
        return landing.land()
    with cluster.at_hand(settings) as at_hand:
        landed = landing.land(partial(_read, context, at_hand))
    if landed.not_there:
        name, why = next(iter(landed.not_there.items()))
        context.log.warning(
            f"{len(landed.not_there)} files were read by this machine, since those of the cluster could not: {name}: "
            f"{why}. Have landing on a file system that all of them share, or on a store whose credentials they have."
        )
    return landed


def _read(
    context: dg.AssetExecutionContext, at_hand: Cluster, function: Callable[[Share], bytes], shares: Sequence[Share]
) -> list[bytes]:
    """Have files read. How far it is is told meanwhile, and it is ended when somebody stops the run."""
    tell_session(context, at_hand)
    what = f"landing: {sum(len(each.files) for each in shares)} files"
    context.log.info(f"{what} are read by the cluster, in {len(shares)} tasks")
    with ThreadPoolExecutor(1) as pool, capture_interrupts():
        reading = pool.submit(at_hand.each, function, shares, what)
        wait_for(reading, context, at_hand)
        stopped = pop_captured_interrupt()
    tell_spent(context, at_hand, "landing")
    if stopped:
        raise dg.DagsterExecutionInterruptedError
    return reading.result()
