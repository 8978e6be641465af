"""`python -m benchmarks COMMAND`: how fast it is, and how well it judges."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from benchmarks import (
    alarm_tables,
    alarms,
    backfill,
    compare,
    contenders,
    day,
    imports,
    ingest,
    late_day,
    memory,
    spark,
    spark_sizes,
    worlds,
    year,
)
from growth_assets.simulate.files import Format


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast it is, and how well it judges.")
    commands = parser.add_subparsers(dest="command", required=True)
    told = _options("--json", action="store_true", help="all numbers, for a program")
    kept = _options(
        "--worlds", type=Path, help=f"keep the generated files here, some GB of them; default: {worlds.kept()}"
    )
    events = _options("--events", type=int, default=1_000_000)
    rounds = _options("--rounds", type=int, default=3, help="how often each takes its turn")
    many = _options("--days", type=int, default=365)
    each = _options("--events-per-day", type=int, default=20_000)
    site = _options("path", type=Path)
    form = _options("--format", choices=get_args(Format), default="ndjson")
    commands.add_parser(
        "day", help="a large day, landing to metrics, beside scripts without checks, and step by step",
        parents=[events, kept, told, rounds, form],
    )  # fmt: skip
    commands.add_parser(
        "year", help="what a build of many days costs, a day's fixed part, Dagster's, and its stock settings",
        parents=[many, each, kept, told, rounds, form],
    ).set_defaults(rounds=1)  # fmt: skip
    commands.add_parser(
        "backfill", help="many days built again by a backfill as the UI starts it", parents=[many, each, kept, told]
    )
    commands.add_parser(
        "late-day", help="late lines of one day in a warehouse of many", parents=[many, each, kept, told, rounds]
    )
    against = commands.add_parser(
        "compare", help="a large day in every format, beside all contenders", parents=[events, kept, told, rounds]
    )
    against.add_argument(
        "--keep", action="store_true", help="show the numbers in README, docs/profile.md and the chart"
    )
    against.add_argument(
        "--patience", type=float, default=contenders.PATIENCE,
        help="seconds after which GoAccess is stopped, and said to take more; default: %(default)s",
    )  # fmt: skip
    commands.add_parser("imports", help="what every process waits for before it begins", parents=[told, rounds])
    commands.add_parser(
        "ingest", help="clean lines against the same with 0.1 %% of broken ones", parents=[events, kept, told, rounds]
    )
    large = commands.add_parser("memory", help="the most memory that landing takes of large files", parents=[told])
    large.add_argument("--megabytes", type=int, default=10_000, help="of the largest file; it is deleted afterwards")
    large.add_argument("--worlds", type=Path, help="where there is room for them; default: the temporary folder")
    judged = commands.add_parser(
        "alarms", help="false alarms and detection, beside the rules in use elsewhere", parents=[told]
    )
    judged.add_argument("--runs", type=int, default=500)
    judged.add_argument("--seed", type=int, default=1)
    judged.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="they change no number")
    beyond = commands.add_parser(
        "spark", help="a day's tables on a cluster of two workers, and on this machine without one",
        parents=[events, kept, told, rounds],
    )  # fmt: skip
    beyond.add_argument("--keep", action="store_true", help="show the numbers in docs/spark.md")
    bare = commands.add_parser(
        "build-without-dagster", help="all days of a data folder, in this process", parents=[site]
    )
    bare.add_argument("--none", action="store_true", help="begin and end, and build nothing")
    commands.add_parser("land-once", help="one run, in this process", parents=[site])
    return parser


def _options(*names: str, **option: Any) -> argparse.ArgumentParser:  # noqa: ANN401 - as argparse takes them
    """An option that several commands have."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(*names, **option)
    return shared


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print what was measured."""
    given = _parser().parse_args(arguments)
    if given.command == "land-once":
        print(json.dumps(asdict(ingest.land_once(given.path))))
    elif given.command == "build-without-dagster":
        if not given.none:
            year.build_without_dagster(given.path)
    else:
        numbers, text = _MEASURED[given.command](given)
        print(json.dumps(numbers, indent=1) if given.json else text)


Told = tuple[object, str]
"""All numbers for a program, and tables for people."""


def _folder(given: argparse.Namespace) -> Path:
    folder: Path = (given.worlds or worlds.kept()).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _day(given: argparse.Namespace) -> Told:
    found = day.measure(_folder(given), given.events, given.format, given.rounds)
    return day.as_json(found), day.as_text(found)


def _year(given: argparse.Namespace) -> Told:
    found = year.measure(_folder(given), given.days, given.events_per_day, given.rounds, given.format)
    return year.as_json(found), year.as_text(found)


def _backfill(given: argparse.Namespace) -> Told:
    found = backfill.measure(_folder(given), given.days, given.events_per_day)
    return backfill.as_json(found), backfill.as_text(found)


def _late_day(given: argparse.Namespace) -> Told:
    found = late_day.measure(_folder(given), given.days, given.events_per_day, given.rounds)
    return late_day.as_json(found), late_day.as_text(found)


def _compare(given: argparse.Namespace) -> Told:
    numbers = compare.measure(_folder(given), given.events, given.rounds, given.patience)
    if given.keep:
        compare.keep(numbers)
    return numbers, "\n\n".join([compare.as_text(numbers), compare.steps_text(numbers)])


def _imports(given: argparse.Namespace) -> Told:
    found = imports.measure(given.rounds)
    return imports.as_json(found), imports.as_text(found)


def _alarms(given: argparse.Namespace) -> Told:
    numbers = alarm_tables.as_json(alarms.measure(given.runs, given.seed, given.processes), given.runs, given.seed)
    return numbers, alarm_tables.as_text(numbers)


def _memory(given: argparse.Namespace) -> Told:
    with tempfile.TemporaryDirectory() as temporary:
        found = memory.measure((given.worlds or Path(temporary)).resolve(), given.megabytes * 1_000_000)
    return ingest.by_name(found), ingest.as_text(found)


def _ingest(given: argparse.Namespace) -> Told:
    found = ingest.measure(_folder(given), given.events, given.rounds)
    return ingest.as_json(found), "\n".join([ingest.as_text(found), ingest.ratio_as_text(found)])


def _spark(given: argparse.Namespace) -> Told:
    numbers = spark.as_json(spark.measure(_folder(given), given.events, given.rounds))
    if given.keep:
        spark.keep(numbers)
    return numbers, "\n\n".join([spark.as_text(numbers), spark_sizes.as_text(numbers)])


_MEASURED: Mapping[str, Callable[[argparse.Namespace], Told]] = {
    "day": _day, "year": _year, "backfill": _backfill, "late-day": _late_day, "compare": _compare,
    "imports": _imports, "alarms": _alarms, "memory": _memory, "ingest": _ingest,
    "spark": _spark,
}  # fmt: skip


if __name__ == "__main__":
    main()
