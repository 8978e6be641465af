"""What a run tells of a cluster that works for it, and how it waits for what that is asked to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial

import dagster as dg
from dagster._utils.interrupts import raise_interrupts_as

from growth_assets.engines import cluster
from growth_assets.engines.cluster import Cluster
from growth_assets.ingest import landing
from growth_assets.ingest.landing import Landed, Progress
from growth_assets.ingest.many_files import Share
from growth_assets.settings import Settings

LOOK_SECONDS = 0.5
"""How often it is looked whether somebody stops a run that waits for a cluster."""

PROGRESS_SECONDS = 5.0
"""How often a line of progress goes into the run's log; each is an event in Dagster's storage."""

SPARK_UI = "growth_assets/spark_ui"
"""The tag of a run that says where Spark shows what it does."""


def tell_ui(context: dg.AssetExecutionContext, at_hand: Cluster) -> None:
    """Say in the run where Spark shows what it does; the session is opened by that."""
    if at_hand.ui:
        context.log.info(f"Spark shows what it does at {at_hand.ui}")
        context.instance.add_run_tags(context.run.run_id, {SPARK_UI: at_hand.ui})


def land(context: dg.AssetExecutionContext, settings: Settings, progress: Progress) -> Landed:
    """Read what is new in landing, by the cluster where that is the engine and so much is new that it pays."""
    if settings.engine != "spark":
        return landing.land(settings, progress)
    with cluster.at_hand(settings) as at_hand:
        landed = landing.land(settings, progress, partial(_read, context, at_hand))
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
    tell_ui(context, at_hand)
    what = f"landing: {sum(len(each.files) for each in shares)} files"
    context.log.info(f"{what} are read by the cluster, in {len(shares)} tasks")
    told = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(at_hand.each, function, shares, what)
        try:
            # A session takes interrupts for itself when it is opened.
            with raise_interrupts_as(dg.DagsterExecutionInterruptedError):
                while not reading.done():
                    wait([reading], timeout=LOOK_SECONDS)
                    if time.monotonic() - told >= PROGRESS_SECONDS:
                        told = time.monotonic()
                        context.log.info(f"landing: {at_hand.progress()}")
        except BaseException:
            while not reading.done():
                # Again and again: it may just have been at the point of asking for something.
                with suppress(Exception):
                    at_hand.cancel()
                wait([reading], timeout=LOOK_SECONDS)
            raise
        return reading.result()
