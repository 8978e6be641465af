"""A small chart of some weeks of a number, as Markdown with a picture in it, short enough to be shown in place.

Dagster's pages show Markdown of up to 999 characters at once, and hide longer one behind a click. So the picture is an
SVG written as briefly as can be, in whole units and relative steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

STEP, HEIGHT = 9, 62
"""From day to day, and of the drawing, in its own units; a step of one digit keeps it short."""

LONGEST = 999
"""Characters of Markdown that the pages show in place."""

_Height = Callable[[float], int]


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

    def height(value: float) -> int:
        return round((HEIGHT - 4) * (1 - max(value, 0.0) / top)) + 2

    band = _band(days, line.low, line.high, height)
    usual = _path(days, line.usual, height)
    dots = "".join(
        f"M{2 + place * STEP},{height(line.values[ds])}h0"
        for place, ds in enumerate(days)
        if ds in line.bad and ds in line.values
    )
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {4 + (len(days) - 1) * STEP} {HEIGHT}' width='600' "
        "fill='none'>"
        + (f"<path d='{band}' fill='lavender'/>" if band else "")
        + (f"<path d='{usual}' stroke='gray' stroke-dasharray='2'/>" if usual else "")
        + f"<path d='{_path(days, line.values, height)}' stroke='blue'/>"
        + (f"<path d='{dots}' stroke='red' stroke-width='4' stroke-linecap='round'/>" if dots else "")
        + "</svg>"
    )
    # A link of Markdown ends at a blank; no other sign in it means something in a link or in a URL.
    return svg.replace(" ", "%20")


def _path(days: Sequence[str], values: Mapping[str, float], height: _Height) -> str:
    """Through all days that have a value; a day between two gaps is a short stroke."""
    path, at = "", (0, 0)
    for runs in _runs(days, values):
        for number, place in enumerate(runs):
            to = (2 + place * STEP, height(values[days[place]]))
            if number == 0:
                path += f"M{to[0]},{to[1]}" + ("h1" if len(runs) == 1 else "l")
            else:
                path += _pair(to[0] - at[0], to[1] - at[1], first=number == 1)
            at = to
    return path


def _band(days: Sequence[str], low: Mapping[str, float], high: Mapping[str, float], height: _Height) -> str:
    path = ""
    for run in _runs(days, {ds: value for ds, value in low.items() if ds in high}):
        outline = [(place, high) for place in run] + [(place, low) for place in reversed(run)]
        points = [(2 + place * STEP, height(values[days[place]])) for place, values in outline]
        path += f"M{points[0][0]},{points[0][1]}l"
        for number, (before, to) in enumerate(pairwise(points)):
            path += _pair(to[0] - before[0], to[1] - before[1], first=number == 0)
        path += "z"
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


def _pair(across: int, down: int, *, first: bool) -> str:
    """Two numbers of a path; a minus parts them from what stands before as well as a comma does."""
    x = f"{across}" if first or across < 0 else f",{across}"
    return x + (f"{down}" if down < 0 else f",{down}")


def _number(value: float) -> str:
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _escaped(text: str) -> str:
    """Text without what Markdown or HTML would take for its own."""
    return "".join(each if each.isalnum() or each in " ._-" else "?" for each in text)
