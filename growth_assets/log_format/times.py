"""Times in log-format strings: strftime's conversions as expressions whose groups are named for parts of a time."""

from __future__ import annotations

import re

from growth_assets.log_format.layout import LogFormatError

_TWO = "[0-9]{2}"
_PARTS = {
    "Y": "(?P<year>[0-9]{4})",
    "y": f"(?P<year2>{_TWO})",
    "m": f"(?P<month>{_TWO})",
    "b": "(?P<month_name>[A-Za-z]{3})",
    "B": "(?P<month_name>[A-Za-z]{3,9})",
    "d": f"(?P<day>{_TWO})",
    "e": "(?P<day>[ 0-9][0-9])",
    "H": f"(?P<hour>{_TWO})",
    "k": "(?P<hour>[ 0-9][0-9])",
    "I": f"(?P<hour12>{_TWO})",
    "l": "(?P<hour12>[ 0-9][0-9])",
    "p": "(?P<half>[AaPp][Mm])",
    "M": f"(?P<minute>{_TWO})",
    "S": f"(?P<second>{_TWO})",
    "z": "(?P<offset>[+-][0-9]{2}:?[0-9]{2})",
    "Z": "(?P<zone>[A-Za-z]+)",
    "s": "(?P<epoch>[0-9]{1,12})",
    "a": "[A-Za-z]{3}",
    "A": "[A-Za-z]{6,9}",
    "j": "[0-9]{3}",
    "u": "[0-9]",
    "w": "[0-9]",
    "n": "\n",
    "t": "\t",
    "%": "%",
}
_SHORT = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "D": "%m/%d/%y", "R": "%H:%M", "h": "%b", "r": "%I:%M:%S %p"}

APACHE_UNITS = {
    "sec": "(?P<epoch>[0-9]{1,12})",
    "msec": "(?P<epoch>[0-9]{1,12})(?P<fraction>[0-9]{3})",
    "usec": "(?P<epoch>[0-9]{1,12})(?P<fraction>[0-9]{6})",
    "msec_frac": "(?P<fraction>[0-9]{3})",
    "usec_frac": "(?P<fraction>[0-9]{6})",
}
"""What `%{...}t` knows beside strftime's conversions."""

EPOCH_SECONDS = r"(?P<epoch>[0-9]{1,12})\.(?P<fraction>[0-9]{3})"
"""nginx's `$msec`."""


def strftime(text: str) -> str:
    """The expression for times that strftime writes by `text`, in English.

    Raises:
        LogFormatError: a conversion is unknown, or not the same everywhere.
    """
    found: list[str] = []
    position = 0
    while position < len(text):
        letter = text[position]
        if letter != "%":
            found.append(re.escape(letter))
            position += 1
            continue
        name = text[position + 1 : position + 2]
        if name in _SHORT:
            text = text[:position] + _SHORT[name] + text[position + 2 :]
            continue
        if name not in _PARTS:
            raise LogFormatError(f"unknown time conversion %{name} in %{{{text}}}t")
        part = _PARTS[name]
        if part.startswith("(?P<") and any(part[: part.index(">")] in each for each in found):
            part = re.sub(r"\?P<\w+>", "?:", part)
        found.append(part)
        position += 2
    return "".join(found)
