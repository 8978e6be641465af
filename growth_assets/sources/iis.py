"""IIS logs in the W3C extended format. Spaces in headers are logged as plus signs."""

from __future__ import annotations

from growth_assets.sources import w3c
from growth_assets.sources.format import TextFormat


def _spaced(text: str) -> str:
    return text.replace("+", " ")


DIALECT = w3c.Dialect(
    separator=" ",
    names={"time-taken": "request_time_ms"},
    decoders={"http_user_agent": _spaced, "http_x_forwarded_for": _spaced},
)

FORMAT = TextFormat(
    "iis",
    lambda lines: w3c.share(lines, DIALECT, "method"),
    lambda context: w3c.W3cParser(DIALECT, context),
    "a #Fields line with date (or a #Date line), time and cs-method, and lines with so many fields and spaces between",
)
