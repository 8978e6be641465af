"""A small chart of some weeks of a number, as Markdown with a picture in it, short enough to be shown in place.

Dagster's pages show Markdown of up to 999 characters at once, and hide longer one behind a click. So the picture is an
SVG written as briefly as can be, in whole units and relative steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

WIDTH, HEIGHT = 247, 62
"""Of the drawing, in its own units: four weeks have steps of one digit, which keeps it short."""

LONGEST = 999
"""Characters of Markdown that the pages show in place."""

_At = Callable[[int, Mapping[str, float]], tuple[int, int]]


@dataclass(frozen=True)
class Line:
    """What is drawn, each by day; a day that is missing is a gap."""

    name: str
    values: Mapping[str, float]
    usual: Mapping[str, float] = field(default_factory=dict)
    """What was to be expected, dashed."""
    low: Mapping[str, float] = field(default_factory=dict)
    high: Mapping[str, float] = field(default_factory=dict)
    """Between the two it lies with the likeliness of the interval, shaded."""
    bad: Sequence[str] = ()
    """Days that are marked."""


def chart(line: Line, days: Sequence[str]) -> str:
    """The chart of `days`, in order, and below it what it shows in words; empty where no day has a value."""
    there = [ds for ds in days if ds in line.values]
    if not there:
        return ""
    newest = there[-1]
    lowest, highest = (at(there, key=lambda ds: line.values[ds]) for at in (min, max))
    name = _escaped(line.name)
    words = (
        f"**{name} {_number(line.values[newest])}** on {newest}; lowest {_number(line.values[lowest])} on {lowest}, "
        f"highest {_number(line.values[highest])} on {highest}."
    )
    if line.usual.keys() & set(days):
        words += " Dashed: the usual."
    # Few weeks are as wild as not to fit; of those that are, what tells least is left out first.
    for drawn in (line, replace(line, low={}, high={}), replace(line, low={}, high={}, bad=line.bad[-5:])):
        text = f"![{name}](data:image/svg+xml,{_svg(drawn, days)})\n\n{words}"
        if len(text) <= LONGEST:
            return text
    return words


def _svg(line: Line, days: Sequence[str]) -> str:
    shown = [each.get(ds, 0.0) for each in (line.values, line.usual, line.low, line.high) for ds in days]
    top = max(*shown, 0.0) or 1.0

    def at(place: int, values: Mapping[str, float]) -> tuple[int, int]:
        step = (WIDTH - 4) // max(len(days) - 1, 1)
        return 2 + place * step, round((HEIGHT - 4) * (1 - max(values[days[place]], 0.0) / top)) + 2

    band = _band(days, line.low, line.high, at)
    usual = _path(days, line.usual, at)
    dots = "".join(
        "M{},{}h0".format(*at(place, line.values))
        for place, ds in enumerate(days)
        if ds in line.bad and ds in line.values
    )
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='360' "
        "fill='none'>"
        + (f"<path d='{band}' fill='lavender'/>" if band else "")
        + f"<path d='M0,{HEIGHT - 2}H{WIDTH}' stroke='silver'/>"
        + (f"<path d='{usual}' stroke='gray' stroke-dasharray='2'/>" if usual else "")
        + f"<path d='{_path(days, line.values, at)}' stroke='blue'/>"
        + (f"<path d='{dots}' stroke='red' stroke-width='4' stroke-linecap='round'/>" if dots else "")
        + "</svg>"
    )
    # A link of Markdown ends at a blank; no other sign in it means something in a link or in a URL.
    return svg.replace(" ", "%20")


def _path(days: Sequence[str], values: Mapping[str, float], at: _At) -> str:
    """Through all days that have a value; a day between two gaps is a short stroke."""
    return "".join(
        _through([at(place, values) for place in run]) + ("h3" if len(run) == 1 else "") for run in _runs(days, values)
    )


def _band(days: Sequence[str], low: Mapping[str, float], high: Mapping[str, float], at: _At) -> str:
    """Around the days that have both ends: there along the one, back along the other."""
    runs = _runs(days, {ds: value for ds, value in low.items() if ds in high})
    return "".join(
        _through([*(at(place, high) for place in run), *(at(place, low) for place in reversed(run))]) + "z"
        for run in runs
    )


def _through(points: Sequence[tuple[int, int]]) -> str:
    """A line through points, the first as it is and the others as steps."""
    path = "M{},{}".format(*points[0])
    for number, (before, to) in enumerate(pairwise(points)):
        x, y = to[0] - before[0], to[1] - before[1]
        # A minus parts two numbers as well as a comma does.
        path += ("l" if number == 0 else "" if x < 0 else ",") + f"{x}" + (f"{y}" if y < 0 else f",{y}")
    return path


def _runs(days: Sequence[str], values: Mapping[str, float]) -> list[list[int]]:
    """The places of days with a value, in groups without a gap."""
    runs: list[list[int]] = []
    for place, ds in enumerate(days):
        if ds not in values:
            continue
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _number(value: float) -> str:
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _escaped(text: str) -> str:
    """Text without what Markdown or HTML would take for its own."""
    return "".join(each if each.isalnum() or each in " ._-" else "?" for each in text)
