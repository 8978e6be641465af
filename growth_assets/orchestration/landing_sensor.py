"""The landing sensor: asks for a landing run where files changed, and for exactly the days that are not up to date.

What it asks for follows from what is on disk and from the runs that Dagster knows, so it needs no cursor: it may be
switched off, killed or started anew at any moment and goes on from there. It asks for nothing that is queued or under
way, whoever asked for it, nor for a day that would only be refused again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from growth_assets.ingest.unseen import Unseen, unseen
from growth_assets.orchestration import attempts
from growth_assets.orchestration.builders import end_dead_runs, is_building
from growth_assets.orchestration.canceled import canceled, tags_of
from growth_assets.orchestration.daily import daily_keys
from growth_assets.orchestration.landing import LANDING_KEYS
from growth_assets.orchestration.specs import asset_key
from growth_assets.orchestration.stale_days import StaleDays, Watch, contiguous, range_tags
from growth_assets.orchestration.under_way import UNFINISHED, UnderWay, under_way
from growth_assets.settings import Settings
from growth_assets.warehouse import durable

NAME = "landing_sensor"

ASKED = "growth_assets/asked"
"""On the sensor's runs: a digest of what was asked for."""

LISTED = 5
"""How many names a reason lists."""


def landing_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor of a site's landing folder."""
    watch = Watch(settings)

    @dg.sensor(
        name=NAME,
        asset_selection=dg.AssetSelection.assets(*LANDING_KEYS, *daily_keys()),
        minimum_interval_seconds=settings.sensor.seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.sensor.running else dg.DefaultSensorStatus.STOPPED,
        description="Reads new and changed files of landing/, and builds exactly the days that they touch.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        tick = look(settings, context.instance, watch)
        says = "; ".join(tick.says)
        if tick.requests:  # else it is the reason to skip, which is shown anyway
            context.log.info(says)
        return dg.SensorResult(run_requests=tick.requests, skip_reason=None if tick.requests else says)

    return sensor


@dataclass
class Tick:
    """What one look came to."""

    requests: list[dg.RunRequest] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    """In plain words: what is new, what is asked for, what is left alone and why."""


def look(settings: Settings, instance: dg.DagsterInstance, watch: Watch) -> Tick:
    """Compare landing and the published days with the ledger; ask for what is new and not asked for yet."""
    end_dead_runs(settings, instance)
    if is_building(settings):
        return Tick(says=["a build of the command line is under way"])
    busy = under_way(instance, NAME)
    tick = Tick()
    landed = watch.landed()
    _ask_for_landing(tick, instance, unseen(settings, landed), busy)
    if busy.landing:
        # Its files touch days one after the other: each would be built as often as it grows.
        tick.says.append("a landing run is under way; its days are asked for when it has ended")
        return tick
    _ask_for_days(tick, settings, instance, watch.stale(landed), busy)
    return tick


def _ask_for_landing(tick: Tick, instance: dg.DagsterInstance, new: Unseen, busy: UnderWay) -> None:
    if not new.names:
        tick.says.append("nothing new in landing" if new.files else "landing holds no file")
        return
    tick.says.append(f"{len(new.names)} new or changed files in landing: {_listed(new.names)}")
    if busy.landing:
        return
    stopped = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.CANCELED], tags={ASKED: new.version}))
    request = None if stopped else _request(instance, LANDING_KEYS, new.version, {})
    if request:
        tick.requests.append(request)
    else:
        tick.says.append(
            "they are left alone until one of them changes: landing them was canceled, or failed too often"
        )


def _ask_for_days(
    tick: Tick, settings: Settings, instance: dg.DagsterInstance, found: StaleDays, busy: UnderWay
) -> None:
    tick.says.append(f"{found.up_to_date} days up to date")
    if found.hopeless:
        tick.says.append(
            f"{len(found.hopeless)} days left alone until their events, the code or a setting changes, refused by "
            f"their checks or failed {attempts.MOST} times: {_listed(found.hopeless)}"
        )
    if found.no_partition:
        tick.says.append(f"{len(found.no_partition)} days are no partition: {_listed(found.no_partition)}")
    waiting = {ds: version for ds, version in found.wanted.items() if ds not in busy.days}
    if len(waiting) < len(found.wanted):
        tick.says.append(f"{len(found.wanted) - len(waiting)} days under way")
    runs, days = settings.sensor.runs_a_tick - busy.sensors, settings.sensor.days_a_tick
    asked: list[str] = []
    left_alone = sorted(canceled(instance, waiting))
    # The newest days first: those are looked at.
    groups = contiguous(set(waiting).difference(left_alone))
    while groups and runs > 0 and days > 0:
        group = groups.pop()
        part, older = group[-days:], group[:-days]
        groups += [older] if older else []
        request = _request_days(instance, daily_keys(), {ds: waiting[ds] for ds in part})
        if request is None:
            left_alone += part
            continue
        tick.requests.append(request)
        asked += part
        runs, days = runs - 1, days - len(part)
    if asked:
        tick.says.append(f"asking for {len(asked)} days: {_listed(sorted(asked))}")
    if left_alone:
        tick.says.append(
            f"{len(left_alone)} days left alone, since their run was canceled or failed {attempts.MOST} times; build "
            f"them by hand: {_listed(sorted(left_alone))}"
        )
    later = len(waiting) - len(asked) - len(left_alone)
    if later:
        tick.says.append(f"{later} days later")
    if found.restated and not found.wanted and not busy.days:
        # Not before: what is built now may be what they stand on.
        _ask_for_restated(tick, instance, found.restated, runs)


def _ask_for_restated(
    tick: Tick, instance: dg.DagsterInstance, restated: Mapping[str, tuple[str, list[str]]], runs: int
) -> None:
    asked: list[str] = []
    by_tables: dict[tuple[str, ...], list[str]] = {}
    versions = {ds: durable.digest_of(what) for ds, what in restated.items()}
    left_alone = canceled(instance, versions)
    for ds, (_, stale) in restated.items():
        if ds not in left_alone:
            by_tables.setdefault(tuple(stale), []).append(ds)
    for names, days in by_tables.items():
        for group in contiguous(days):
            if runs <= 0:
                break
            keys = [asset_key(name) for name in names]
            request = _request_days(instance, keys, {ds: versions[ds] for ds in group})
            if request:
                tick.requests.append(request)
                asked += group
                runs -= 1
    if asked:
        tick.says.append(
            f"asking for the guardrails of {len(asked)} days, since earlier days changed: {_listed(sorted(asked))}"
        )


def _request_days(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey], versions: Mapping[str, str]
) -> dg.RunRequest | None:
    """A run of days without a gap, each with what it would be built from."""
    version = durable.digest_of(sorted(versions.items()))[:16]
    return _request(instance, keys, version, {**range_tags(sorted(versions)), **tags_of(versions)})


def _request(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey], version: str, tags: dict[str, str]
) -> dg.RunRequest | None:
    """A run of what `version` names; None where it was tried too often, or is under way."""
    before = instance.get_runs(dg.RunsFilter(tags={ASKED: version}))
    if len(before) >= attempts.MOST or any(run.status in UNFINISHED for run in before):
        return None
    return dg.RunRequest(
        run_key=f"{version}-{len(before) + 1}", asset_selection=list(keys), tags={**tags, ASKED: version}
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} and {len(names) - LISTED} more"
