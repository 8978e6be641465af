"""What the alarms came to, as numbers for programs and as tables for people; kept beside this file for 500 runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.alarms import (
    CONVERSION_MEASURES,
    COVERAGE,
    FALSE_ALARMS,
    MARGIN,
    ONE_IN,
    OURS,
    VOLUME_MEASURES,
    Measured,
    cells,
    cells_outside,
)

KEPT = Path(__file__).with_name("alarms.json")
"""The numbers that README shows."""


def as_json(found: Sequence[Measured], runs: int, seed: int) -> dict[str, Any]:
    """All numbers, for a program."""
    return {
        "runs": runs, "seed": seed, "margin": MARGIN, "runs_outside": -(-runs // ONE_IN),
        "volume": cells(found, "volume"), "conversion": cells(found, "conversion"), "outside": cells_outside(found),
    }  # fmt: skip


def as_text(numbers: Mapping[str, Any]) -> str:
    """Three tables in Markdown, of the numbers of `as_json`."""
    history = " / ".join(str(weeks) for weeks in _weeks(numbers["volume"]))
    return "\n".join(
        [
            f"{numbers['runs']} runs a cell, seed {numbers['seed']}; per cent, with {history} weeks of history;",
            f"`[guardrails] margin` as shipped, {numbers['margin']:.0%}; * better than {OURS}",
            "",
            *_table(numbers["volume"], ("events_a_day", "rule"), "events a day | rule", VOLUME_MEASURES),
            "",
            *_table(numbers["conversion"], ("events_a_day", "rule"), "hits a day | rule", CONVERSION_MEASURES),
            "",
            f"Sites of another kind than these, {numbers['runs_outside']} runs a cell:",
            "",
            *_table(numbers["outside"], ("site", "events_a_day"), "site | events a day", VOLUME_MEASURES),
        ]
    )


def _weeks(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    return sorted({row["weeks"] for row in rows})


def _table(rows: Sequence[Mapping[str, Any]], by: tuple[str, str], head: str, measures: Sequence[str]) -> list[str]:
    found = {(row["weeks"], *(row[name] for name in by)): row for row in rows}
    lines = [f"| {head} | {' | '.join(measures)} |", f"| --- | --- |{' --- |' * len(measures)}"]
    for one, other in dict.fromkeys(key[1:] for key in found):
        of = [(found[weeks, one, other], found.get((weeks, one, OURS))) for weeks in _weeks(rows)]
        shown = (" / ".join(_cell(row, ours, each) for row, ours in of) for each in measures)
        lines.append(f"| {one} | {other} | {' | '.join(shown)} |")
    return lines


def _cell(row: Mapping[str, Any], ours: Mapping[str, Any] | None, measure: str) -> str:
    share = row[measure]
    if share is None:
        return "-"
    better: Callable[[float, float], bool] = float.__lt__ if measure == FALSE_ALARMS else float.__gt__
    star = "*" if measure != COVERAGE and ours is not None and better(share, ours[measure]) else ""
    return f"{100 * share:.1f}{star}"
