"""`python -m benchmarks ingest`, `day`, `checks`, `year`, `memory` or `alarms`; `--help` tells more."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import alarm_tables, alarms, checks, day, ingest, memory, year


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast it is, and how well it judges.")
    commands = parser.add_subparsers(dest="command", required=True)
    told = _options("--json", action="store_true", help="all numbers, for a program")
    kept = _options("--worlds", type=Path, help="keep the generated files here; default: they are made for this run")
    events = _options("--events", type=int, default=1_000_000)
    site = _options("path", type=Path)
    one = commands.add_parser(
        "ingest", help="clean lines against the same with 0.1 %% of broken ones", parents=[events, kept, told]
    )
    one.add_argument("--rounds", type=int, default=3)
    judged = commands.add_parser(
        "alarms", help="false alarms and detection, beside the rules in use elsewhere", parents=[told]
    )
    judged.add_argument("--runs", type=int, default=500)
    judged.add_argument("--seed", type=int, default=1)
    judged.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="they change no number")
    large = commands.add_parser("memory", help="the most memory that landing takes of large files", parents=[told])
    large.add_argument("--megabytes", type=int, default=10_000, help="of the largest file; it is deleted afterwards")
    large.add_argument("--worlds", type=Path, help="where there is room for them; default: the temporary folder")
    commands.add_parser(
        "checks", help="what the checks of one large day cost beside building it", parents=[events, kept, told]
    )
    commands.add_parser(
        "day", help="where the time and memory of one large day go, from landing to metrics",
        parents=[events, kept, told],
    )  # fmt: skip
    many = commands.add_parser(
        "year", help="what a build of many days costs, a day's fixed part and Dagster's", parents=[kept, told]
    )
    many.add_argument("--days", type=int, default=365)
    many.add_argument("--events-per-day", type=int, default=20_000)
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
        return
    if given.command == "build-without-dagster":
        if not given.none:
            year.build_without_dagster(given.path)
        return
    if given.command == "alarms":
        found = alarms.measure(given.runs, given.seed, given.processes)
        numbers = alarm_tables.as_json(found, given.runs, given.seed)
        print(json.dumps(numbers, indent=1) if given.json else alarm_tables.as_text(numbers))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.worlds or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if given.command == "year":
            costly = year.measure(folder, given.days, given.events_per_day)
            print(json.dumps(year.as_json(costly), indent=1) if given.json else year.as_text(costly))
            return
        if given.command == "day":
            steps = day.measure(folder, given.events)
            numbers = {name: asdict(cost) for name, cost in steps.items()}
            print(json.dumps(numbers, indent=1) if given.json else day.as_text(steps, given.events))
            return
        if given.command == "checks":
            costs = checks.measure(folder, given.events)
            print(json.dumps(checks.as_json(costs), indent=1) if given.json else checks.as_text(costs))
            return
        if given.command == "memory":
            contenders = memory.measure(folder, given.megabytes * 1_000_000)
            numbers, last = ingest.by_name(contenders), []
        else:
            contenders = ingest.measure(folder, given.events, given.rounds)
            numbers, last = ingest.as_json(contenders), [ingest.ratio_as_text(contenders)]
    print(json.dumps(numbers, indent=1) if given.json else "\n".join([ingest.as_text(contenders), *last]))


if __name__ == "__main__":
    main()
