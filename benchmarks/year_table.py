"""README's table of a year: what was measured of it, kept beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.machine import as_line

KEPT = Path(__file__).with_name("year.json")
"""`python -m benchmarks year --json`, and `backfill --json` as its `backfill`: the numbers that README shows."""


def as_text(numbers: Mapping[str, Any]) -> str:
    """A table in Markdown."""
    days, stock_days = numbers["days"], numbers["stock_days"]
    build, backfill, stock = numbers["build"], numbers["backfill"], numbers["stock"]
    scaled = numbers["stock_scaled_not_measured"]["seconds"]
    rows = [
        (f"`growth-assets build`: read the files, build and check {days} days", build["seconds"], days),
        (f"a backfill of {backfill['days']} days from the UI, click to end", backfill["seconds"], backfill["days"]),
        (f"Dagster's stock settings, a process a day: {stock_days} days", stock["seconds"], stock_days),
    ]
    return "\n".join(
        [
            f"| {numbers['events']:,} events a day, one run | seconds | ms a day |",
            "| --- | ---: | ---: |",
            *(f"| {name} | {seconds:,.0f} | {1000 * seconds / of:,.0f} |" for name, seconds, of in rows),
            f"| the same for {days} days: multiplied, not measured | {scaled:,.0f} | |",
            f"| of each day, what does not grow with its events | | {1000 * numbers['fixed_a_day']['seconds']:,.0f} |",
            "",
            f"Measured on: {as_line(numbers['machine'])}.",
        ]
    )
