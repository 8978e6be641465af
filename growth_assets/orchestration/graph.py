"""All assets of a site put together."""

from __future__ import annotations

import dagster as dg

from growth_assets.ingest.begun import Landing
from growth_assets.ingest.out_of_range import first_day
from growth_assets.orchestration.alert_sensor import alert_sensor
from growth_assets.orchestration.catalogue import catalogue_resource
from growth_assets.orchestration.daily import Progress, daily_tables
from growth_assets.orchestration.jobs import jobs, morning_schedule
from growth_assets.orchestration.landing import event_files
from growth_assets.orchestration.landing_sensor import landing_sensor
from growth_assets.orchestration.recency import due_day_sensor
from growth_assets.settings import Settings


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """One partition a UTC day, from the first day up to today.

    Today is a partition too: a day's data may always grow, and a day that grew is built again.
    """
    return dg.DailyPartitionsDefinition(start_date=first_day(settings).isoformat(), timezone="UTC", end_offset=1)


def definitions(settings: Settings, progress: Progress | None = None, landing: Landing | None = None) -> dg.Definitions:
    """Assets, checks and resources of a site; the command line listens to the progress, and begins to land early."""
    return dg.Definitions(
        assets=[event_files(settings), daily_tables(settings, daily_partitions(settings))],
        jobs=jobs(),
        schedules=[morning_schedule(settings)],
        sensors=[landing_sensor(settings), alert_sensor(settings), due_day_sensor(settings)],
        resources={
            "duckdb": catalogue_resource(settings),
            "progress": progress or _nobody,
            "next_landing": landing or Landing(settings),
        },
        # One process a step costs seconds of imports for each; the steps here are few and share their frames.
        executor=dg.in_process_executor,
    )


def _nobody(what: str, done: int, of: int) -> None:
    """Progress that nobody listens to."""
