"""What the alarms came to, as tables for people and as numbers for programs."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.alarm_sites import HOSTS
from benchmarks.alarms import (
    CONVERSION_MEASURES,
    COVERAGE,
    FALSE_ALARMS,
    OURS,
    RULES,
    VOLUME_MEASURES,
    WEEKS,
    Measured,
    Tally,
    cells,
)


def as_json(found: Sequence[Measured], runs: int, seed: int) -> dict[str, object]:
    """All numbers, for a program."""
    return {"runs": runs, "seed": seed} | {kind: cells(found, kind) for kind in ("volume", "conversion")}


def as_text(found: Sequence[Measured], runs: int, seed: int) -> str:
    """Two tables in Markdown."""
    history = " / ".join(str(weeks) for weeks in WEEKS)
    return "\n".join(
        [
            f"{runs} runs a cell, seed {seed}; per cent, with {history} weeks of history; * better than {OURS}",
            "",
            *_table([one.volume for one in found], VOLUME_MEASURES, "events a day"),
            "",
            *_table([one.conversion for one in found], CONVERSION_MEASURES, "hits a day"),
        ]
    )


def _table(tallies: Sequence[Tally], measures: Sequence[str], size: str) -> list[str]:
    lines = [f"| {size} | rule | {' | '.join(measures)} |", f"| --- | --- |{' --- |' * len(measures)}"]
    for host, name in enumerate(HOSTS):
        for rule in RULES:
            shown = (" / ".join(_cell(tally, rule, each, host) for tally in tallies) for each in measures)
            lines.append(f"| {name} | {rule} | {' | '.join(shown)} |")
    return lines


def _cell(tally: Tally, rule: str, measure: str, host: int) -> str:
    share, ours = tally.share(rule, measure, host), tally.share(OURS, measure, host)
    if share is None or ours is None:
        return "-"
    better = measure != COVERAGE and (share < ours if measure == FALSE_ALARMS else share > ours)
    return f"{100 * share:.1f}{'*' if better else ''}"
