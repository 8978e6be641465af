"""A large day in every format beside all contenders: numbers for programs, tables in Markdown, and a chart.

`--keep` puts them where they are shown: the numbers beside this file, the table into README, the steps into the profile
page, the chart into docs/images.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args
from xml.sax.saxutils import escape

from benchmarks import day, steps
from benchmarks.contenders import PATIENCE, PRODUCT
from benchmarks.machine import as_line, busy_cores, machine
from benchmarks.processes import ROOT
from growth_assets.simulate.files import Format

KEPT = Path(__file__).with_name("speed.json")
"""The numbers that README and the profile page show."""
README, PROFILE, CHART = ROOT / "README.md", ROOT / "docs" / "profile.md", ROOT / "docs" / "images" / "speed.svg"

BUSY = 0.5
"""From so many busy cores on, before it begins, the machine is said to have had other work."""

_COLUMNS = ("events/s", "seconds", "CPU seconds", "peak GB", "growth_assets is")

_ROW, _BAR, _LABEL, _WIDTH, _DECADE = 22, 15, 250, 760, 1_000
"""Of the chart, in pixels; a bar of no length stands for so many events a second."""


def measure(folder: Path, events: int, rounds: int, patience: float = PATIENCE) -> dict[str, Any]:
    """All numbers: one `day` a format."""
    load = busy_cores()
    days = [day.as_json(day.measure(folder, events, each, rounds, None, patience)) for each in get_args(Format)]
    for each in days:
        del each["machine"]
    return {"events": events, "rounds": rounds, "load": round(load, 1), "days": days, "machine": machine()}


def keep(numbers: Mapping[str, Any]) -> None:
    """Put new numbers in the place of those that are kept, wherever they are shown.

    Raises:
        LookupError: a page does not show what is kept.
    """
    before = json.loads(KEPT.read_text(encoding="utf-8"))
    for path, shown in ((README, as_text), (PROFILE, steps_text)):
        page = path.read_text(encoding="utf-8")
        if shown(before) not in page:
            raise LookupError(f"{path} does not show the numbers of {KEPT}: put back what was there")
        path.write_text(page.replace(shown(before), shown(numbers)), encoding="utf-8")
    CHART.write_text(as_svg(numbers), encoding="utf-8")
    KEPT.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def as_text(numbers: Mapping[str, Any]) -> str:
    """One table in Markdown, and what it was measured with."""
    lines = [f"| format | | {' | '.join(_COLUMNS)} |", f"| --- | --- |{' --- |' * len(_COLUMNS)}"]
    for each in numbers["days"]:
        for name in each["contenders"]:
            lines.append(f"| {each['format']} | {name} | {' | '.join(_cells(numbers, each, name))} |")
    return "\n".join(
        [
            f"{numbers['events']:,} events, {_rounds(numbers)}, each from the start of a process{_beside(numbers)}:",
            "",
            *lines,
            "",
            f"\\* a sample, multiplied.{_stopped(numbers)} Measured with {as_line(numbers['machine'])}.",
        ]
    )


def _rounds(numbers: Mapping[str, Any]) -> str:
    if numbers["rounds"] == 1:
        return "one round"
    return f"medians of {numbers['rounds']} rounds (of another tool that took over {day.ONCE:.0f} s one run)"


def _stopped(numbers: Mapping[str, Any]) -> str:
    found = (cost for each in numbers["days"] for cost in each["contenders"].values())
    return " Over: it was stopped before it was done." if any(cost.get("stopped") for cost in found) else ""


def _beside(numbers: Mapping[str, Any]) -> str:
    if numbers["load"] < BUSY:
        return ""
    return f"; the machine had other work (before, {numbers['load']} cores were busy), so that CPU seconds are compared"


def steps_text(numbers: Mapping[str, Any]) -> str:
    """The steps of a build in Markdown, a column for each format: seconds, and their share of the whole."""
    days, idle = numbers["days"], numbers["load"] < BUSY
    measure, what = ("seconds", "Seconds") if idle else ("cpu_seconds", "CPU seconds")
    names = dict.fromkeys(name for each in days for name in each["steps"])
    lines = [f"| step | {' | '.join(each['format'] for each in days)} |", f"| --- |{' --- |' * len(days)}"]
    for name in names:
        costs = [(each["steps"].get(name), each["steps"][steps.WHOLE][measure]) for each in days]
        if any(cost and cost[measure] >= steps.SHOWN * whole for cost, whole in costs):
            shown = [f"{cost[measure]:.1f} ({cost[measure] / whole:.0%})" if cost else "" for cost, whole in costs]
            lines.append(f"| {name} | {' | '.join(shown)} |")
    for share, name in (("checks_share", "all checks"), ("orchestration_share", "Dagster")):
        key = share if idle else f"{share}_of_cpu"
        lines.append(f"| {name} | {' | '.join(format(each[key], '.0%') for each in days)} |")
    peaks = (f"{max(cost['peak_bytes'] for cost in each['steps'].values()) / 1e9:.1f} GB" for each in days)
    lines.append(f"| most memory | {' | '.join(peaks)} |")
    told = f"{what} of a day of {numbers['events']:,} events, and their share of the whole{_beside(numbers)}:"
    return "\n".join([told, "", *lines])


def _compared(numbers: Mapping[str, Any], found: Mapping[str, Any]) -> float:
    """Seconds, or CPU seconds where the machine had other work."""
    return float(found["seconds" if numbers["load"] < BUSY else "cpu_seconds"])


def _cells(numbers: Mapping[str, Any], each: Mapping[str, Any], name: str) -> Iterator[str]:
    found = each["contenders"][name]
    if "absent" in found:
        yield from (found["absent"], *[""] * (len(_COLUMNS) - 1))
        return
    sample = " *" if found["scaled_by"] != 1 else ""
    less, more = ("under ", "over ") if found.get("stopped") else ("", "")
    yield f"{less}{found['events_per_second']:,}{sample}"
    yield f"{more}{found['seconds']:,.1f}{sample}"
    yield f"{more}{found['cpu_seconds']:,.1f}{sample}"
    yield f"{found['peak_bytes'] / 1e9:.1f}"
    times = _compared(numbers, each["contenders"][PRODUCT]) / _compared(numbers, found)
    yield (
        "" if name == PRODUCT else f"{times:.1f} times slower" if times > 1 else f"{more}{1 / times:,.1f} times faster"
    )


def as_svg(numbers: Mapping[str, Any]) -> str:
    """Events a second of all contenders, on a scale of powers of ten."""
    bars = [
        (str(each["format"]), name, round(numbers["events"] / _compared(numbers, found)))
        for each in numbers["days"]
        for name, found in each["contenders"].items()
        if "absent" not in found
    ]
    top = max(rate for _, _, rate in bars)
    unit = "second" if numbers["load"] < BUSY else "CPU second"
    height = _ROW * (len(bars) + len(numbers["days"])) + 40
    text = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        *_scale(top, height),
        *_bars(bars, top),
        f'<text x="{_LABEL}" y="{height - 8}" fill="dimgray">events a {unit}, {numbers["events"]:,} events a day, '
        "powers of ten</text>",
        "</svg>",
    ]
    return "\n".join(text) + "\n"


def _at(rate: float, top: float) -> float:
    return _LABEL + (_WIDTH - _LABEL - 80) * max(math.log10(rate / _DECADE), 0) / math.log10(top / _DECADE)


def _scale(top: float, height: int) -> Iterator[str]:
    for power in range(int(math.log10(_DECADE)), int(math.log10(top)) + 1):
        x = _at(10**power, top)
        yield f'<path d="M{x:.0f},4V{height - 40}" stroke="gainsboro"/>'
        yield f'<text x="{x:.0f}" y="{height - 24}" text-anchor="middle" fill="dimgray">{10**power:,}</text>'


def _bars(bars: Sequence[tuple[str, str, int]], top: float) -> Iterator[str]:
    y, before = 0, ""
    for file_format, name, rate in bars:
        if file_format != before:
            yield f'<text x="8" y="{y + 16}" font-weight="bold">{escape(file_format)}</text>'
            y, before = y + _ROW, file_format
        length = _at(rate, top) - _LABEL
        colour = "steelblue" if name == PRODUCT else "silver"
        yield f'<text x="{_LABEL - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>'
        yield f'<rect x="{_LABEL}" y="{y}" width="{max(length, 2):.0f}" height="{_BAR}" fill="{colour}"/>'
        yield f'<text x="{_LABEL + length + 6:.0f}" y="{y + 12}">{rate:,}</text>'
        y += _ROW
