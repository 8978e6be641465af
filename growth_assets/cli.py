"""The command line `growth-assets`.

Exit codes: 0 done, 1 built but a check of severity ERROR failed, 2 wrong usage or settings, 3 failed.

Whatever is heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Never, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from growth_assets import memory
from growth_assets import settings as site

if TYPE_CHECKING:
    from growth_assets.ingest.begun import Landing
    from growth_assets.orchestration.replay import ReplayReport
    from growth_assets.orchestration.run import Report

CHECK_FAILED, WRONG, FAILED = 1, 2, 3

app = typer.Typer(
    help="Website events in; trusted daily tables and guarded growth metrics out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
# What is read by a program has no width to fit into.
out = Console(width=None if sys.stdout.isatty() else 240)
err = Console(stderr=True)

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="GROWTH_DATA",
        help="Folder with site.toml, landing/ and warehouse/.",
        show_default="./data",
    ),
]
Progressed = Callable[[str, int, int], None]
Done = TypeVar("Done")
Day = Annotated[str | None, typer.Option(metavar="YYYY-MM-DD")]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write site.toml and make landing/.")],
    hostname: Annotated[
        list[str] | None,
        typer.Option(help="Your site, like www.example.com; give it once for each site, the main one first."),
    ] = None,
) -> None:
    """Write a commented site.toml for your own site, and make the landing folder."""
    from growth_assets.report.site_template import site_toml

    path = folder / site.SITE_FILE
    if path.exists():
        _stop(f"{path} exists already. Edit it, or name another folder.", WRONG)
    names = [name.lower() for name in hostname or ["www.example.com"]]

    for name in names:
        if not re.fullmatch(site.HOSTNAME, name):
            _stop(
                f"--hostname {name}: expected a host name like www.example.com, without http:// and path.",
                WRONG,
            )
    (folder / "landing").mkdir(parents=True, exist_ok=True)
    path.write_text(site_toml(names), encoding="utf-8")
    ignored = folder / ".gitignore"
    if not ignored.exists():
        # Logs hold visitors' addresses: they do not belong into a repository.
        ignored.write_text("/landing/\n/warehouse/\n/dagster_home/\n", encoding="utf-8")
    out.print(f"Wrote {escape(str(path))}.", soft_wrap=True)
    if not hostname:
        out.print('It names the site www.example.com: set `hostnames` to yours, or run init with "--hostname".')
    out.print(f"Next: copy logs into {escape(str(folder / 'landing'))}, then", soft_wrap=True)
    out.print(f"  growth-assets build --data {escape(str(folder))}", soft_wrap=True)
    out.print(f"  growth-assets answers --data {escape(str(folder))}", soft_wrap=True)


@app.command()
def simulate(
    data: Data = None,
    days: Annotated[int, typer.Option(min=1, help="How many days.")] = 60,
    events_per_day: Annotated[int, typer.Option(min=1, help="Events a day in the first week.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another world; the same gives the same bytes.")] = 1,
    format: Annotated[Literal["ndjson", "parquet", "combined"], typer.Option(help="What the files are.")] = "ndjson",
    first_day: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="First UTC day.")] = None,
) -> None:
    """Invent the traffic of two sites into landing/, and write the truth about it to truth.json.

    Where there is no site.toml, it writes one that names these sites.
    """
    from growth_assets import simulate as world

    folder = site.data_folder(data)
    if (folder / site.SITE_FILE).exists() and (landing := _settings(folder).landing) != folder / "landing":
        _stop(
            f"landing is {landing}, and simulate writes into {folder / 'landing'} alone. Give another folder with "
            "--data, and copy its files.",
            WRONG,
        )
    start = _day(first_day, "--first-day") or dt.date(2026, 1, 1)
    with _bar() as bar:
        task = bar.add_task("Simulating", total=days)

        def progress(day: dt.date, lines: int) -> None:
            bar.update(task, advance=1, description=f"{day}: {lines:,} lines")

        try:
            world.simulate(
                folder, days=days, events_per_day=events_per_day, seed=seed, file_format=format, first_day=start,
                progress=progress,
            )  # fmt: skip
        except world.SimulateError as error:
            _stop(str(error), WRONG)
    out.print(f"{days} days from {start} are in {escape(str(folder / 'landing'))}.", soft_wrap=True)
    path = folder / site.SITE_FILE
    if not path.exists():
        from growth_assets.report.site_template import demo_toml

        path.write_text(demo_toml(world.HOSTNAMES, format), encoding="utf-8")
        out.print(f"Wrote {escape(str(path))}.", soft_wrap=True)


@app.command()
def build(
    data: Data = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First day to build.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day to build.")] = None,
) -> None:
    """Land new files and build the days they touch, or all days of a range, through Dagster."""
    settings = _settings(data)
    first, last = _day(from_, "--from"), _day(to, "--to")
    if first and last and first > last:
        _stop(f"--from {first} is after --to {last}.", WRONG)

    def work(landing: Landing, progress: Progressed) -> Report:
        from growth_assets.orchestration.run import build as build_days

        return build_days(settings, first, last, landing=landing, day_progress=progress)

    _finish(_under_way(settings, work), settings)


@app.command()
def replay(data: Data = None) -> None:
    """Read rejected lines and judge quarantined rows again, after a setting was mended; build the days it changes."""
    settings = _settings(data)

    def work(landing: Landing, progress: Progressed) -> ReplayReport:
        from growth_assets.orchestration.replay import replay as replay_all

        return replay_all(settings, landing=landing, day_progress=progress)

    report = _under_way(settings, work)
    landing = report.built.landing
    out.print(
        f"Replayed {landing.get('replayed_lines', 0):,} rejected lines of {landing.get('replayed_files', 0)} files "
        f"that are gone: {landing.get('replayed_events', 0):,} new events + {landing.get('still_rejected', 0):,} still "
        f"rejected. {report.freed:,} rows are out of quarantine.",
        soft_wrap=True, highlight=False,
    )  # fmt: skip
    if landing.get("not_replayable"):
        out.print(
            f"{landing['not_replayable']:,} rejected lines cannot be read again without their file: they were longer "
            "than 1 MiB, rows of Parquet, or stand for a damaged file.",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
    _finish(report.built, settings)


def _under_way(settings: site.Settings, work: Callable[[Landing, Progressed], Done]) -> Done:
    """Do the work of a build under its bars; end the process where it fails as a whole."""
    from growth_assets.ingest.begun import Landing

    with _bar() as bar:
        landing = bar.add_task("Landing", total=None)
        building = bar.add_task("Building", total=None, visible=False)

        def files(name: str, done: int, of: int) -> None:
            bar.update(landing, completed=done, total=of, description=f"Landing {escape(name)}")

        def days(ds: str, done: int, of: int) -> None:
            bar.update(landing, visible=False)
            bar.update(building, completed=done, total=of, description=f"Built {ds}", visible=True)

        coming = Landing(settings, files)
        # Before there is a thread that may look at the environment meanwhile.
        site.enter_dagster_home(settings)
        # Files are read while all else is imported, which keeps one core busy for seconds.
        with coming.begun():
            from growth_assets.ingest.ledger import LedgerError
            from growth_assets.orchestration.instance import InstanceError
            from growth_assets.orchestration.run import LandingError, StoppedError
            from growth_assets.warehouse.partitions import WarehouseError
            from growth_assets.warehouse.remedies import with_remedy

            try:
                return work(coming, days)
            except StoppedError:
                _stop(
                    "stopped. What was published stays: the day that was under way and those before it. "
                    "`growth-assets build` goes on with the others.",
                    FAILED,
                )
            except (LedgerError, WarehouseError, LandingError, InstanceError) as error:
                _stop(str(error), FAILED)
            except OSError as error:
                _stop(with_remedy(str(error)), FAILED)


def _finish(report: Report, settings: site.Settings) -> None:
    """Tell what a build did, and end with its code."""
    _tell(report, settings)
    if report.failed_errors:
        raise typer.Exit(CHECK_FAILED)
    if report.bad_days or report.unviewed:
        raise typer.Exit(FAILED)


def _unfinished(landing: Mapping[str, Any], settings: site.Settings) -> str:
    """Which last lines wait for their end, and until when."""
    if not landing.get("files_unfinished"):
        return ""
    return (
        f"\n{escape(landing['unfinished'])}: read when the line is whole, or when its file has stayed as it is for "
        f"{settings.settle_seconds} seconds."
    )


def _tell(report: Report, settings: site.Settings) -> None:
    """What a build did, in a few lines."""
    landing = report.landing

    def print_(text: str) -> None:
        out.print(text, soft_wrap=True, highlight=False)

    print_(
        f"Landed {landing.get('files_read', 0)} files ({landing.get('files_known', 0)} known already): "
        f"{landing.get('lines', 0):,} lines = {landing.get('events', 0):,} events "
        f"+ {landing.get('rejected', 0):,} rejected lines." + _unfinished(landing, settings)
    )
    _tell_built(report, settings, print_)
    for failure in report.failures[:20]:
        style = "bold red" if failure.severity == "ERROR" else "yellow"
        where = f" on {failure.ds}" if failure.ds else ""
        err.print(
            f"[{style}]{failure.severity}[/] {failure.table}{where}: check {failure.check} failed: "
            f"{escape(failure.description)}",
            soft_wrap=True,
            highlight=False,
        )
    if len(report.failures) > 20:
        err.print(f"... and {len(report.failures) - 20} more failed checks; see them in the UI.")
    if landing.get("rejected"):
        print_("See them: SELECT source_file, line_number, reason, text FROM raw.rejected_lines")
    _tell_out_of_range(report, settings, print_)
    if report.outdated:
        print_(
            f"{report.outdated} days were built with other settings or by another version. To make all numbers agree: "
            f"growth-assets build --data {escape(str(settings.data))} "
            f"--from {report.landed[0]} --to {report.landed[-1]}"
        )


def _tell_built(report: Report, settings: site.Settings, print_: Callable[[str], None]) -> None:
    landing = report.landing
    no_file = not landing.get("files_read") and not landing.get("files_known")
    if not report.days and no_file and (landing.get("files_unreadable") or not report.landed):
        where = escape(str(settings.landing))
        unreadable = landing.get("files_unreadable")
        print_(
            f"Nothing to build: no file in {where} could be read."
            if unreadable
            else f"Nothing to build: there is no file in {where}."
        )
    elif not report.days and not report.landed and (report.out_of_range.aside or report.out_of_range.waiting):
        print_("Nothing to build: no event of a day that is a partition has landed.")
    elif not report.days and not report.landed:
        print_("Nothing to build: no event has landed yet.")
    elif not report.days and report.asked:
        print_(f"No day of that range has events; events are from {report.landed[0]} to {report.landed[-1]}.")
    elif not report.days:
        if not report.restated:
            print_("Every day is up to date.")
    else:
        print_(f"Built {_good(report.days, report)}.")
    if report.restated:
        print_(f"Built again what stands on changed days before it: {_good(report.restated, report)}.")
    for ds, why in list(report.bad_days.items())[:20]:
        err.print(f"[bold red]{ds} not published in full:[/] {escape(why)}", soft_wrap=True, highlight=False)
    if len(report.bad_days) > 20:
        err.print(f"... and {len(report.bad_days) - 20} more days; see the run in the UI.")
    if report.unviewed:
        err.print(f"[bold red]{escape(report.unviewed)}[/]", soft_wrap=True, highlight=False)


def _good(days: Sequence[str], report: Report) -> str:
    """How many of the days were published, and from which to which they are."""
    good = sum(1 for ds in days if ds not in report.bad_days)
    return f"{good} of {len(days)} days, {min(days)} to {max(days)}"


def _tell_out_of_range(report: Report, settings: site.Settings, print_: Callable[[str], None]) -> None:
    found = report.out_of_range
    path = escape(str(settings.data / site.SITE_FILE))
    for days, what, remedy in (
        (found.before_first_day, "before the first day", f"If they are good, set an earlier first_day in {path}."),
        (
            found.in_the_future,
            "in the future",
            f"If they are good, raise future_tolerance_hours in {path} and run `growth-assets replay`.",
        ),
    ):
        if days:
            print_(
                f"{sum(days.values()):,} events are {what} ({min(days)} to {max(days)}) and put aside in "
                f"raw.quarantined_events. {remedy}"
            )
    if found.waiting:
        print_(
            f"{sum(found.waiting.values()):,} events are of days to come ({min(found.waiting)} to "
            f"{max(found.waiting)}) and built when their day has come."
        )


@app.command()
def answers(
    data: Data = None,
    ds: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="One day; default: the last seven.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,  # noqa: FBT002
) -> None:
    """Answer the seven questions from the published tables."""
    settings = _settings(data)
    _day(ds, "--ds")
    from growth_assets.places import StoreError
    from growth_assets.report import answers as report
    from growth_assets.report.screen import rich_table
    from growth_assets.warehouse.partitions import Warehouse, WarehouseError

    warehouse = Warehouse.of(settings)
    try:
        settings.require_stores()
        days = report.published_days(warehouse, ds)
        found = report.answers(warehouse, days)
    except (WarehouseError, StoreError) as error:
        _stop(str(error), FAILED)
    if as_json:
        document = {
            "days": days,
            "answers": [
                {"number": each.number, "question": each.question, "rows": each.table.to_dicts()} for each in found
            ],
        }
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
        return
    out.print(f"[bold]{days[0]}[/]" + (f" to [bold]{days[-1]}[/]" if len(days) > 1 else "") + " (UTC), without bots")
    for each in found:
        out.print()
        out.print(f"[bold]{each.number}. {each.question}[/]", highlight=False)
        out.print(rich_table(each.table))
    out.print()
    out.print(f"SQL over all tables: duckdb -readonly {escape(str(settings.catalogue))}", soft_wrap=True)


@app.command()
def doctor(
    file: Annotated[Path | None, typer.Argument(readable=False, help="A log: what it is taken for, and why.")] = None,
    data: Data = None,
) -> None:
    """Say what is wrong with settings, landing, country database, warehouse and Dagster, and how to mend it.

    With FILE, say what that file is taken for and why, and show its first lines as they are read: 0 when it is
    understood, 3 when not.
    """
    if file is not None:
        _examine_file(file, data)
        return
    settings = _settings(data)
    from growth_assets.orchestration.doctor import examine

    ill = False
    for finding in examine(settings):
        ill = ill or not finding.well
        mark = "[green]ok[/]   " if finding.well else "[bold red]wrong[/]"
        out.print(f"{mark} {finding.what}: {escape(finding.says)}", soft_wrap=True, highlight=False)
        if finding.remedy:
            out.print(f"      {escape(finding.remedy)}", soft_wrap=True, highlight=False)
    if ill:
        raise typer.Exit(FAILED)


@app.command()
def alerts(
    data: Data = None,
    test: Annotated[bool, typer.Option("--test", help="Send a test message to every channel.")] = False,  # noqa: FBT002
    look: Annotated[bool, typer.Option("--look", help="Look for what is new first, as the sensor does.")] = False,  # noqa: FBT002
) -> None:
    """List the open incidents and the channels; 3 when a channel did not take the test message."""
    settings = _settings(data)
    from growth_assets.orchestration.alert_command import look_once, send_test, status
    from growth_assets.orchestration.instance import InstanceError
    from growth_assets.report.screen import printable

    if look:
        try:
            out.print(escape(look_once(settings)), soft_wrap=True, highlight=False)
        except InstanceError as error:
            _stop(str(error), FAILED)
    for line in status(settings):
        out.print(escape(printable(line)), soft_wrap=True, highlight=False)
    if not test:
        return
    outcomes = send_test(settings)
    if not outcomes:
        _stop("GROWTH_ALERT_URLS names no channel. Set it to Apprise URLs, apart by blanks.", WRONG)
    for channel, wrong in outcomes.items():
        mark = f"[bold red]wrong[/] {channel}: it {escape(wrong)}" if wrong else f"[green]ok[/]    {channel}: sent"
        out.print(mark, soft_wrap=True, highlight=False)
    if any(outcomes.values()):
        raise typer.Exit(FAILED)


def _examine_file(file: Path, data: Path | None) -> None:
    from rich.text import Text

    from growth_assets.ingest.files import source_of
    from growth_assets.report.file_report import file_report
    from growth_assets.report.screen import printable
    from growth_assets.sources.errors import SourceError
    from growth_assets.sources.first_look import first_look

    path = Path(os.path.abspath(file.expanduser()))  # noqa: PTH100 - a link in landing/ stays one
    name = printable(str(path))
    if not path.exists():
        _stop(f"{name}: no such file.", WRONG)
    if path.is_dir():
        _stop(f"{name}: is a folder. Name one file in it.", WRONG)
    if not path.is_file():
        _stop(f"{name}: is no file but a pipe, socket or device.", WRONG)
    if not os.access(path, os.R_OK):
        _stop(f"{name}: cannot be read: permission denied.", WRONG)
    # A log can be looked at before there is a site.
    settings = _settings(data) if (site.data_folder(data) / site.SITE_FILE).exists() else None
    source = source_of(path, settings) if settings else None
    taken = source or site.Source(name="none")
    try:
        look = first_look(path, taken, settings.default_hostname(taken) if settings else None)
    except SourceError as error:
        _stop(printable(str(error)), FAILED)
    for each in file_report(path, look, source):
        out.print(each, soft_wrap=isinstance(each, Text), highlight=False)
    if not look.understood:
        raise typer.Exit(FAILED)


@app.command()
def ui(
    data: Data = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 3000,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Dagster asks nobody for a password: leave others to a proxy.")
    ] = "127.0.0.1",
) -> None:
    """Open Dagster (web server and daemon) with the folder's persistent instance."""
    settings = _settings(data)
    from growth_assets.orchestration.instance import InstanceError, has_server, open_instance, prepare_home

    prepare_home(settings)
    if has_server(settings):
        try:
            open_instance(settings).dispose()
        except InstanceError as error:
            _stop(str(error), FAILED)
    with socket.socket() as probe:
        # As the server itself does: a port that was just left is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            _stop(f"port {port} of {host} cannot be used: {error.strerror}. Name another one with --port.", WRONG)
    workspace = Path("workspace.yaml")
    ours = workspace.is_file() and "growth_assets.definitions" in workspace.read_text(encoding="utf-8")
    load = ["-w", str(workspace)] if ours else ["-m", "growth_assets.definitions"]
    command = [sys.executable, "-m", "growth_assets.orchestration.dagster_dev", *load, "-h", host, "-p", str(port)]
    # What listens on every address is reached on this machine by its own.
    pages = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104 - it is compared
    out.print(f"Dagster opens on {pages} in about half a minute. Ctrl-C stops it.")
    sys.stdout.flush()
    # In place of this process, so that whoever stops it stops Dagster.
    os.execve(command[0], command, site.child_environment(settings, pages))  # noqa: S606 - no shell is wanted


def _settings(data: Path | None) -> site.Settings:
    try:
        return site.load(data)
    except site.SettingsError as error:
        _stop(str(error), WRONG)


def _day(text: str | None, option: str) -> dt.date | None:
    if text is None:
        return None
    try:
        if len(text) != len("2026-01-01"):
            raise ValueError
        return dt.date.fromisoformat(text)
    except ValueError:
        _stop(f"{option} {text}: expected a day like 2026-01-31.", WRONG)


def _stop(message: str, code: int) -> Never:
    err.print(f"[bold red]Error:[/] {escape(message)}", soft_wrap=True, highlight=False)
    raise typer.Exit(code)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=err,
        transient=True,
    )  # fmt: skip


def main() -> None:
    """Run the command line; an error that nobody foresaw ends with 3 and its trace."""
    memory.keep_longer()
    try:
        app()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else FAILED
    except Exception:
        err.print_exception()
        code = FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    # All is on disk by now. A slow way out would let extension modules complain about objects that a failed run's
    # traceback still holds, right below the message that matters.
    os._exit(code)
