"""What is wrong with a data folder, piece by piece, and how to mend it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

from growth_assets.alerts import memory
from growth_assets.alerts.channels import channels, understood
from growth_assets.alerts.journal import Journal
from growth_assets.checks.verdict import RESTORE
from growth_assets.engines import cluster
from growth_assets.engines.cluster import ClusterError
from growth_assets.engines.local import outdated, up_to_date
from growth_assets.engines.tasks import this_code
from growth_assets.enrich.country import CountryDatabaseError, open_database
from growth_assets.ingest import ledger
from growth_assets.ingest.conservation import accounts
from growth_assets.ingest.files import Unreadable, landing_files
from growth_assets.ingest.landing import first_bytes
from growth_assets.ingest.out_of_range import Survey, first_day, last_day, survey
from growth_assets.ingest.replay import replayable
from growth_assets.orchestration.instance import InstanceError, open_instance
from growth_assets.places import StoreError, is_remote, require_reachable
from growth_assets.settings import SITE_FILE, Settings
from growth_assets.sources.detect import HEAD_BYTES, detect
from growth_assets.sources.errors import SourceError
from growth_assets.tables import DAILY, TABLES
from growth_assets.warehouse.catalogue import CatalogueError, query
from growth_assets.warehouse.partitions import Warehouse


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    well: bool
    says: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at settings, landing, country database, warehouse, catalogue, Spark, Dagster and alerts, in this order."""
    yield from _settings(settings)
    yield from _landing(settings)
    yield _country(settings)
    yield from _warehouse(settings)
    if settings.engine == "spark":
        yield _spark(settings)
    yield _dagster(settings)
    yield from alerts(settings)


def _settings(settings: Settings) -> Iterator[Finding]:
    path = settings.data / SITE_FILE
    if not settings.hostnames:
        yield Finding(
            "settings", False, f"{path}: hostnames is empty",
            'Name your sites, like hostnames = ["www.example.com"]; events of logs without a host are put aside.',
        )  # fmt: skip
    elif settings.hostnames == ("www.example.com",):
        yield Finding("settings", False, f"{path}: hostnames is still www.example.com", "Name your own sites there.")
    else:
        yield Finding("settings", True, f"{path}: {', '.join(settings.hostnames)}")
    if not settings.salt.get_secret_value():
        yield Finding(
            "salt", True, "not set: visitor ids can be traced back to addresses by trying them all",
            "Set GROWTH_SALT to a long random text, keep it, and build all days again.",
        )  # fmt: skip


def _landing(settings: Settings) -> Iterator[Finding]:
    try:
        require_reachable(settings.landing, "landing")
    except StoreError as error:
        yield Finding("landing", False, str(error))
        return
    if not is_remote(settings.landing) and not settings.landing.is_dir():
        yield Finding("landing", False, f"{settings.landing} is no folder", "Make it and copy logs into it.")
        return
    count = 0
    for file in landing_files(settings):
        count += 1
        if isinstance(file, Unreadable):
            yield Finding(f"landing/{file.name}", False, file.error)
            continue
        try:
            kind: str = file.source.format
            if kind == "auto":
                head = first_bytes(file.path, HEAD_BYTES)
                kind = detect(head, file.path) if head else "empty"
        except (SourceError, OSError) as error:
            yield Finding(f"landing/{file.name}", False, str(error))
            continue
        if count <= 20:
            yield Finding(f"landing/{file.name}", True, f"{kind}, source {file.source.name}")
    if count > 20:
        yield Finding("landing", True, f"{count} files in all")
    if not count:
        yield Finding("landing", True, f"{settings.landing} is empty", "Copy logs into it, then `growth-assets build`.")


def _country(settings: Settings) -> Finding:
    try:
        database = open_database(settings.country_database)
    except CountryDatabaseError as error:
        return Finding("country database", False, str(error))
    where = settings.country_database or "the one in the package"
    return Finding("country database", True, f"{where}: {database.version}")


def _warehouse(settings: Settings) -> Iterator[Finding]:
    root = settings.warehouse
    try:
        require_reachable(root, "warehouse")
    except StoreError as error:
        yield Finding("warehouse", False, str(error))
        return
    if not is_remote(root) and root.exists() and not os.access(root, os.W_OK):
        yield Finding("warehouse", False, f"{root} cannot be written", "Let the pipeline's user write it.")
        return
    try:
        landed = ledger.read(root)
    except ledger.LedgerError as error:
        yield Finding("warehouse", False, str(error))
        return
    if landed.entries:
        yield _conservation(settings, landed)
    warehouse = Warehouse.of(settings).looked_through(DAILY)
    start, end = first_day(settings).isoformat(), last_day().isoformat()
    days = [ds for ds in landed.days if start <= ds <= end]
    stale = [ds for ds in days if not up_to_date(warehouse, DAILY, ds, landed.inputs(ds))]
    old = [ds for ds in days if outdated(warehouse, DAILY, settings, ds)]
    says = f"{len(days)} days have events, {len(warehouse.days(DAILY[-1]))} are published, from {start}"
    if stale:
        yield Finding("warehouse", False, f"{says}; {len(stale)} are not up to date", "Run `growth-assets build`.")
    else:
        yield Finding("warehouse", True, says)
    if old:
        yield Finding(
            "warehouse", False, f"{len(old)} days were built with other settings or by another version",
            f"Run `growth-assets build --from {old[0]} --to {old[-1]}`.",
        )  # fmt: skip
    yield from _out_of_range(settings, survey(settings, landed), start)
    yield from _replayable(settings, landed)
    if not settings.catalogue.exists():
        if landed.entries:
            yield Finding("catalogue", False, f"{settings.catalogue} is missing", "Run `growth-assets build`.")
        return
    try:
        for table in TABLES:
            query(settings.catalogue, f"SELECT count(*) FROM {table.name}", root=settings.warehouse)
    except CatalogueError as error:
        yield Finding(
            "catalogue", False, f"{settings.catalogue}: {str(error).splitlines()[0]}",
            "Delete the file and run `growth-assets build`: it holds views alone and is made anew.",
        )  # fmt: skip
        return
    yield Finding("catalogue", True, f"{settings.catalogue}: {len(TABLES)} views")


def _out_of_range(settings: Settings, found: Survey, start: str) -> Iterator[Finding]:
    path = settings.data / SITE_FILE
    if found.before_first_day:
        days = sorted(found.before_first_day)
        yield Finding(
            "out of range", True,
            f"{sum(found.before_first_day.values()):,} events of {len(days)} days are before first_day ({start}), "
            "and in raw.quarantined_events",
            f"If they are good, set first_day = {days[0]} in {path} and run `growth-assets build`.",
        )  # fmt: skip
    if found.built_earlier:
        days = sorted(found.built_earlier)
        yield Finding(
            "out of range", True, f"{len(days)} days before first_day ({start}) stay as they were built under another",
            f"For their late events to count, set first_day = {days[0]} in {path} and run `growth-assets build`.",
        )  # fmt: skip
    if found.in_the_future:
        yield Finding(
            "out of range", True,
            f"{sum(found.in_the_future.values()):,} events were more than {settings.future_tolerance_hours:g} hours "
            "ahead when they were read, and are in raw.quarantined_events",
            f"If they are good, raise future_tolerance_hours in {path} and run `growth-assets replay`.",
        )  # fmt: skip
    if found.waiting:
        yield Finding("out of range", True, f"{sum(found.waiting.values()):,} events wait for their day to come")


def _replayable(settings: Settings, landed: ledger.Ledger) -> Iterator[Finding]:
    found = replayable(settings, landed)
    if found:
        yield Finding(
            "rejected lines", True,
            f"{sum(entry.rejected for entry in found):,} of {len(found)} contents were read with other settings",
            "Run `growth-assets replay`, and those that can be read now become events.",
        )  # fmt: skip


def _conservation(settings: Settings, landed: ledger.Ledger) -> Finding:
    lost = [str(each) for each in accounts(settings, landed.current.values()) if not each.balanced]
    if lost:
        return Finding(
            "conservation", False, "; ".join(lost[:5]),
            f"Files below {settings.warehouse} were changed or lost: {RESTORE}.",
        )  # fmt: skip
    return Finding("conservation", True, f"lines = events + rejected lines in all {len(landed.current)} contents")


def _spark(settings: Settings) -> Finding:
    try:
        with cluster.at_hand(settings) as session:
            found = session.codes()
            says = f"{settings.spark.where}: Spark {session.version}"
    except ClusterError as error:
        return Finding("spark", False, str(error))
    others = sorted(code for code in found if code != this_code())
    if others:
        return Finding(
            "spark", False, f"{says}; its machines have {'; '.join(others)}, and this one {this_code()}",
            "Install the same there; a build would stop at its first day.",
        )  # fmt: skip
    return Finding("spark", True, f"{says}; its machines have the same code")


def _dagster(settings: Settings) -> Finding:
    try:
        with open_instance(settings) as instance:
            runs = instance.get_runs_count()
            unfinished = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    except InstanceError as error:
        return Finding("dagster", False, str(error))
    except Exception as error:
        return Finding(
            "dagster", False, f"{settings.dagster_home}: {error}",
            "Mend dagster.yaml there, or move the folder away: the tables do not depend on it.",
        )  # fmt: skip
    return Finding("dagster", True, f"{settings.dagster_home}: {runs} runs, {unfinished} under way")


def alerts(settings: Settings) -> Iterator[Finding]:
    """Look at the channels and at what was told."""
    there = channels(settings)
    if not there:
        yield Finding(
            "alerts", True, "GROWTH_ALERT_URLS names no channel, so alerts are in ops.alerts alone",
            "Set it to Apprise URLs, such as mailtos://user:password@example.com, apart by blanks.",
        )  # fmt: skip
    for number, channel in enumerate(there, start=1):
        if understood(channel):
            yield Finding("alerts", True, f"channel {channel.name}")
        else:
            yield Finding(
                "alerts", False, f"URL number {number} of GROWTH_ALERT_URLS is none that Apprise understands",
                "See the list of services at https://appriseit.com/services/; blanks stand between URLs, not in them.",
            )  # fmt: skip
    journal = Journal(settings, mends=False)
    damaged = journal.damaged()
    if damaged:
        yield Finding(
            "alerts", False, f"{', '.join(damaged)} cannot be read",
            "`growth-assets alerts --look` puts it aside and goes on; bring it back from a backup if you need it.",
        )  # fmt: skip
        return
    remembered = memory.load(settings, journal)
    if remembered.damaged:
        yield Finding(
            "alerts", False, f"{memory.path(settings)} cannot be read",
            "`growth-assets alerts --look` makes it anew from ops.alerts.",
        )  # fmt: skip
    waiting = remembered.outbox.waiting
    if waiting:
        yield Finding(
            "alerts", True, f"{len(waiting)} messages wait for a channel to take them",
            "`growth-assets alerts --test` says which channel fails, and why.",
        )  # fmt: skip
