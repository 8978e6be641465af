"""Landing as Dagster assets: the files read, and the lines that could not be."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from growth_assets.checks.verdict import CONTRACT, verdicts
from growth_assets.contracts.contract import Finding
from growth_assets.contracts.sample import Sample
from growth_assets.ingest import ledger
from growth_assets.ingest.begun import Landing
from growth_assets.ingest.conservation import accounts
from growth_assets.ingest.files import Unreadable
from growth_assets.ingest.landing import Landed
from growth_assets.ingest.ledger import Entry
from growth_assets.ingest.out_of_range import Survey, first_day, put_aside
from growth_assets.ingest.replay import Replayed, replay
from growth_assets.orchestration import on_cluster
from growth_assets.orchestration.catalogue import refresh_catalogue
from growth_assets.orchestration.code_server import reload_definitions
from growth_assets.orchestration.rule_tables import rule_tables
from growth_assets.orchestration.specs import BY_DAY, SHARED_CHECKS, asset_key, asset_spec
from growth_assets.raw import rejected_lines
from growth_assets.settings import Settings
from growth_assets.warehouse.catalogue import literal
from growth_assets.warehouse.partitions import scan

EVENT_FILES = "landing.event_files"

LANDING_KEYS = (asset_key(EVENT_FILES), asset_key(rejected_lines.TABLE.name))

SHOWN = 50
"""How many files are listed in the metadata of a landing."""

AUDITED_AT_ONCE = 100_000
"""Rejected lines that are audited at a time: a file may be nothing else, and each is up to 1,000 characters long."""


class LandingConfig(dg.Config):
    """What a landing is to do beside reading new files."""

    replay: bool = Field(
        default=False,
        description="Read rejected lines of files that are gone again, after a setting was mended",
    )


AGAIN = {"ops": {"landing": {"config": {"replay": True}}}}
"""Run config of a landing that replays."""


def event_files(settings: Settings) -> dg.AssetsDefinition:
    """The landing asset and the table of rejected lines, which falls out of the same reading."""
    key, rejected_key = LANDING_KEYS

    @dg.multi_asset(
        name="landing",
        specs=[
            dg.AssetSpec(
                key,
                group_name="landing",
                kinds={"file"},
                owners=list(settings.owners),
                skippable=True,
                description="The files in landing/, each read once, whatever days it holds. The metadata says which "
                "days were touched: those are to be built.",
                metadata={"dagster/uri": settings.landing.as_uri()},
            ),
            asset_spec(rejected_lines.TABLE, settings, None),
        ],
        check_specs=[
            dg.AssetCheckSpec(
                "files_readable",
                asset=key,
                description="Every file in landing/ could be opened and understood",
            ),
            dg.AssetCheckSpec(
                "lines_conserved",
                asset=key,
                description="Per file: lines read = events + rejected lines, as they lie on disk",
                blocking=True,
            ),
            dg.AssetCheckSpec(
                "out_of_range_conserved",
                asset=key,
                description="Events before the first day or in the future are all in raw.quarantined_events",
                blocking=True,
            ),
            dg.AssetCheckSpec(
                "lines_mostly_read", asset=key, description="Per file: at least half of the lines could be read"
            ),
            dg.AssetCheckSpec(CONTRACT, asset=rejected_key, description=SHARED_CHECKS[CONTRACT]),
        ],
    )
    def landing(
        context: dg.AssetExecutionContext, config: LandingConfig, next_landing: dg.ResourceParam[Landing]
    ) -> Iterator[Any]:
        first_before = first_day(settings)
        landed = on_cluster.land(context, settings, next_landing)
        replayed = replay(settings) if config.replay else Replayed()
        landed.unreadable += replayed.unreadable
        read = [*landed.read, *replayed.entries]
        survey, lost = put_aside(settings)
        refresh_catalogue(settings)
        if first_day(settings) < first_before:
            # Partitions begin with the oldest day; a run knows that by itself, Dagster's pages do not.
            seen = reload_definitions(context.run)
            context.log.info("older days landed: " + ("definitions reloaded" if seen else "reload the definitions"))
        for file in landed.unreadable:
            context.log.error(f"{file.name}: {file.error}")
        context.log.info(f"{len(landed.read)} files read, {landed.known} known; touched days: {_days(landed.touched)}")
        yield dg.MaterializeResult(
            key,
            data_version=dg.DataVersion(BY_DAY),
            metadata=_metadata(landed) | survey.totals() | (_replayed(replayed) if config.replay else {}),
            check_results=[
                _readable(landed),
                lines_conserved(settings, read),
                _out_of_range(survey, lost),
                _mostly_read(landed),
            ],
        )
        rejected = sum(entry.rejected for entry in landed.read)
        total = sum(entry.rejected for entry in ledger.read(settings.warehouse).current.values())
        yield dg.MaterializeResult(
            rejected_key,
            metadata={"dagster/row_count": total, "new_rejected_lines": rejected, "sql": _REJECTED},
            check_results=[rejected_lines_kept(settings, read)],
        )

    return landing


def _replayed(replayed: Replayed) -> dict[str, Any]:
    return {
        "replayed_files": len(replayed.entries),
        "replayed_lines": replayed.lines,
        "replayed_events": replayed.events,
        "still_rejected": replayed.still_rejected,
        "not_replayable": replayed.not_kept,
    }


def _metadata(landed: Landed) -> dict[str, Any]:
    return {
        "files_read": len(landed.read),
        "files_known": landed.known,
        "files_unreadable": len(landed.unreadable),
        "files_unfinished": len(landed.unfinished),
        "unfinished": unfinished_lines(landed.unfinished) or "none",
        "lines": sum(entry.lines for entry in landed.read),
        "events": sum(entry.events for entry in landed.read),
        "rejected": sum(entry.rejected for entry in landed.read),
        "touched_days": dg.MetadataValue.json(landed.touched),
        "files": dg.MetadataValue.md(_table(landed.read)) if landed.read else "nothing new",
    }


def unfinished_lines(files: Sequence[str]) -> str:
    """Which files have a last line that waits for its end; empty where none has."""
    if not files:
        return ""
    names = ", ".join(_plain(name) for name in files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")
    return f"{len(files)} unfinished line{'s wait' if len(files) > 1 else ' waits'} in {names}"


def _table(entries: Sequence[Entry]) -> str:
    rows = [
        f"| `{_plain(entry.source_file)}` | {entry.format} | {entry.lines} | {entry.events} | {entry.rejected} |"
        for entry in entries[:SHOWN]
    ]
    more = [f"\n... and {len(entries) - SHOWN} more"] if len(entries) > SHOWN else []
    return "\n".join(
        ["| file | format | lines | events | rejected |", "| --- | --- | ---: | ---: | ---: |", *rows, *more]
    )


def _plain(name: str) -> str:
    """A file's name without what Markdown or HTML would take for its own."""
    return "".join(each if each.isalnum() or each in "-_./@ " else "?" for each in name)


def _days(days: Sequence[str]) -> str:
    return ", ".join(days) if len(days) <= 10 else f"{len(days)} days from {days[0]} to {days[-1]}"


def _readable(landed: Landed) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=LANDING_KEYS[0],
        check_name="files_readable",
        passed=not landed.unreadable,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"unreadable": dg.MetadataValue.json([_as_json(file) for file in landed.unreadable[:SHOWN]])},
        description="; ".join(file.error for file in landed.unreadable[:5]) or "all files could be read",
    )


def _out_of_range(survey: Survey, lost: Sequence[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=LANDING_KEYS[0],
        check_name="out_of_range_conserved",
        passed=not lost,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            **survey.totals(),
            "days_lost": dg.MetadataValue.json(list(lost)[:SHOWN]),
            "sql": "SELECT * FROM raw.quarantined_events WHERE rule IN ('before_first_day', 'in_the_future') LIMIT 100",
        },
        description=f"not every event that landed could be put aside: {_days(lost)}"
        if lost
        else "all events before the first day or in the future are in raw.quarantined_events",
    )


def _mostly_read(landed: Landed) -> dg.AssetCheckResult:
    strange = [entry for entry in landed.read if entry.rejected * 2 > entry.lines]
    shares = [f"{entry.source_file}: {entry.rejected} of {entry.lines} lines rejected" for entry in strange]
    return dg.AssetCheckResult(
        asset_key=LANDING_KEYS[0],
        check_name="lines_mostly_read",
        passed=not strange,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "files": dg.MetadataValue.json(shares[:SHOWN]),
            "sql": _rejected_of([entry.source_file for entry in strange[:SHOWN]]),
        },
        description="; ".join(shares[:5])
        + ". Is it taken for another format than it is? raw.rejected_lines has reasons."
        if strange
        else "in every file at least half of the lines could be read",
    )


_REJECTED = "SELECT * FROM raw.rejected_lines LIMIT 100"

_REJECTED_OF_EACH = "SELECT source_file, reason, count(*) AS lines FROM raw.rejected_lines GROUP BY ALL ORDER BY ALL"


def _rejected_of(files: Sequence[str]) -> str:
    """The statement that shows rejected lines, those of `files` where some are named."""
    if not files:
        return _REJECTED
    return _REJECTED.replace("LIMIT", f"WHERE source_file IN ({', '.join(literal(file) for file in files)}) LIMIT")


def _as_json(file: Unreadable) -> dict[str, str]:
    return {"file": file.name, "error": file.error}


def lines_conserved(settings: Settings, entries: Sequence[Entry]) -> dg.AssetCheckResult:
    """Whether each of the contents just read lies on disk to the last line."""
    counted = accounts(settings, entries)
    lost = [str(account) for account in counted if not account.balanced]
    return dg.AssetCheckResult(
        asset_key=LANDING_KEYS[0],
        check_name="lines_conserved",
        passed=not lost,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "lines": sum(account.entry.lines for account in counted),
            "events": sum(account.events for account in counted),
            "rejected": sum(account.rejected for account in counted),
            "files": dg.MetadataValue.json(lost[:SHOWN]),
            "sql": _REJECTED_OF_EACH,
        },
        description="; ".join(lost[:5]) or "lines = events + rejected lines in every file",
    )


def rejected_lines_kept(settings: Settings, entries: Sequence[Entry]) -> dg.AssetCheckResult:
    """Whether the rejected lines of the contents just read keep the contract of their table."""
    table = rejected_lines.TABLE
    contract = table.contract(settings)
    broken = dict.fromkeys(contract.rule_names, 0)
    samples: dict[str, Sample] = {}
    with ledger.held(settings.workplace):
        for lines in _some_at_a_time(_rejected_lines(settings, entries)):
            for finding in contract.audit(lines):
                broken[finding.rule] += finding.broken
                samples[finding.rule] = samples.get(finding.rule) or finding.sample
        rows = sum(entry.rejected for entry in entries)
    findings = [
        Finding(rule.name, rows, broken[rule.name], rule.description, samples.get(rule.name, ()))
        for rule in contract.rules
    ]
    (verdict,) = verdicts(table, findings, {}, settings.max_quarantined_share)
    return dg.AssetCheckResult(
        asset_key=LANDING_KEYS[1],
        check_name=verdict.check,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity[verdict.severity],
        metadata={**verdict.numbers, **rule_tables(verdict), "sql": _REJECTED},
        description=verdict.description,
    )


def _rejected_lines(settings: Settings, entries: Sequence[Entry]) -> Iterator[pl.DataFrame]:
    """The rejected lines of contents, at most AUDITED_AT_ONCE at a time."""
    for entry in entries:
        path = ledger.rejected_path(settings.warehouse, entry.id)
        # A content without rejected lines has no file, nor has one that a longer content replaced since.
        for lines in [scan(path)] if path.exists() else []:
            for start in range(0, entry.rejected, AUDITED_AT_ONCE):
                yield lines.slice(start, AUDITED_AT_ONCE).collect()


def _some_at_a_time(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows, those of small frames together: an audit takes as long for a few rows as for some thousand."""
    held: list[pl.DataFrame] = []
    for frame in frames:
        if held and sum(each.height for each in held) + frame.height > AUDITED_AT_ONCE:
            yield pl.concat(held)
            held.clear()
        held.append(frame)
    if held:
        yield pl.concat(held)
