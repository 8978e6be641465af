"""A large day in every format beside all contenders: numbers for programs, a table in Markdown, and a chart."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args
from xml.sax.saxutils import escape

from benchmarks import day
from benchmarks.contenders import PRODUCT
from benchmarks.machine import as_line, machine
from growth_assets.simulate.files import Format

KEPT = Path(__file__).with_name("speed.json")
"""The numbers that README shows."""

_COLUMNS = ("events/s", "seconds", "CPU seconds", "peak GB", "growth_assets is")

_ROW, _BAR, _LABEL, _WIDTH, _DECADE = 22, 15, 250, 760, 1_000
"""Of the chart, in pixels; a bar of no length stands for so many events a second."""


def measure(folder: Path, events: int, rounds: int) -> dict[str, Any]:
    """All numbers: one `day` a format."""
    days = [day.as_json(day.measure(folder, events, each, rounds, names=None)) for each in get_args(Format)]
    for each in days:
        del each["machine"]
    return {"events": events, "rounds": rounds, "days": days, "machine": machine()}


def as_text(numbers: Mapping[str, Any]) -> str:
    """One table in Markdown, and what it was measured with."""
    lines = [f"| format | | {' | '.join(_COLUMNS)} |", f"| --- | --- |{' --- |' * len(_COLUMNS)}"]
    for each in numbers["days"]:
        for name, found in each["contenders"].items():
            lines.append(f"| {each['format']} | {name} | {' | '.join(_cells(name, found))} |")
    return "\n".join(
        [
            f"{numbers['events']:,} events, medians of {numbers['rounds']} rounds, each from the start of a process",
            "",
            *lines,
            "",
            "* a sample, multiplied",
            "",
            f"Measured with {as_line(numbers['machine'])}.",
        ]
    )


def _cells(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    if "absent" in found:
        yield from (found["absent"], *[""] * (len(_COLUMNS) - 1))
        return
    sample = " *" if found["scaled_by"] != 1 else ""
    yield f"{found['events_per_second']:,}{sample}"
    yield f"{found['seconds']:,.1f}{sample}"
    yield f"{found['cpu_seconds']:,.1f}{sample}"
    yield f"{found['peak_bytes'] / 1e9:.1f}"
    times = found["times_as_fast"]
    yield "" if name == PRODUCT else f"{times:.1f} times slower" if times > 1 else f"{1 / times:,.1f} times faster"


def as_svg(numbers: Mapping[str, Any]) -> str:
    """Events a second of all contenders, on a scale of powers of ten."""
    bars = [
        (str(each["format"]), name, int(found["events_per_second"]))
        for each in numbers["days"]
        for name, found in each["contenders"].items()
        if "absent" not in found
    ]
    top = max(rate for _, _, rate in bars)
    height = _ROW * (len(bars) + len(numbers["days"])) + 40
    text = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        *_scale(top, height),
        *_bars(bars, top),
        f'<text x="{_LABEL}" y="{height - 8}" fill="dimgray">events a second, {numbers["events"]:,} events a day, '
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
