"""HAProxy's HTTP log (`option httplog`), as it is sent, or behind what syslog puts in front.

Its clock has milliseconds and mostly no offset, so the source's `utc_offset` is needed. Requests by HTTP/2 and later
are logged as https URLs, whose host is taken. Captured headers have no names in the log: they are kept as they are.
"""

from __future__ import annotations

from growth_assets.log_format.layout import Escapes, Field, Kind, Layout, Piece, tidy
from growth_assets.sources.access_log import text_format
from growth_assets.sources.logged import Meaning

_TIME = (
    "(?P<day>[0-9]{2})/(?P<month_name>[A-Za-z]{3})/(?P<year>[0-9]{4})"
    ":(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]{1,6}))?(?: ?(?P<offset>[+-][0-9]{2}:?[0-9]{2}))?"
)
_NAMES = ("frontend", "backend", "timers", "status", "bytes", "request_cookie", "response_cookie")
_STATE = ("termination_state", "connections", "queues")


def _layout() -> Layout:
    pieces: list[Piece] = [
        Field("syslog", Kind.SYSLOG),
        Field("client_and_port", Kind.CLIENT),
        " [",
        Field("time", Kind.TIME_PARTS, _TIME),
        "]",
    ]
    for name in (*_NAMES, *_STATE):
        pieces += [" ", Field(name, Kind.STATUS if name == "status" else Kind.TEXT)]
    pieces += [" ", Field("captured_headers", Kind.BRACES), '"', Field("request", Kind.REQUEST), '"']
    return Layout(tidy(pieces), escapes=Escapes.NONE)


FORMAT = text_format(
    "haproxy",
    _layout(),
    '(syslog: ) client:port [time] frontend backend/server five timers, status ... "request"',
    Meaning(url_host=r"^https://(\[[^\]/]*\]|[^/:?#]+)"),
)
