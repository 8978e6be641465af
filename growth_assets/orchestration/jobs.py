"""Jobs and the schedule, under names that a growth team understands.

The sensor does it all while it runs. The schedule is for those who want it done once a day and switch the sensor off:
it looks in the same way, so that both together ask for nothing twice.
"""

from __future__ import annotations

import dagster as dg

from growth_assets.orchestration.daily import daily_keys
from growth_assets.orchestration.landing import LANDING_KEYS
from growth_assets.orchestration.landing_sensor import look
from growth_assets.orchestration.stale_days import Watch
from growth_assets.settings import Settings

READ_NEW_FILES = "read_new_files"

DAILY_NUMBERS = "daily_numbers"

MORNING = "numbers_every_morning"


def jobs() -> list[dg.UnresolvedAssetJobDefinition]:
    """What can be launched by name on Dagster's pages."""
    return [
        dg.define_asset_job(
            READ_NEW_FILES,
            selection=dg.AssetSelection.assets(*LANDING_KEYS),
            description="Reads new and changed files of landing/. Its metadata says which days they touch.",
        ),
        dg.define_asset_job(
            DAILY_NUMBERS,
            selection=dg.AssetSelection.assets(*daily_keys()),
            description="Builds, checks and publishes all tables and metrics of the days chosen.",
        ),
    ]


def morning_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Every ten minutes in the hour before the guardrails are due: first new files are read, then their days built."""
    watch = Watch(settings)
    due = int(settings.freshness.guardrail_deadline.partition(":")[0])

    @dg.schedule(
        name=MORNING,
        cron_schedule=f"*/10 {(due - 1) % 24} * * *",
        execution_timezone="UTC",
        target=dg.AssetSelection.assets(*LANDING_KEYS, *daily_keys()),
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="In place of the landing sensor, once a day: reads new files and builds the days that they touch, "
        "in the hour before the guardrails are due. Switch one of the two on; both together build nothing twice.",
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        tick = look(settings, context.instance, watch)
        return tick.requests or dg.SkipReason("; ".join(tick.says))

    return schedule
