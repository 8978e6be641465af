"""nginx's `log_format` strings: any text with `$variables`."""

from __future__ import annotations

import re

from growth_assets.log_format.layout import Escapes, Field, Kind, Layout, Piece, tidy, unquoted
from growth_assets.log_format.times import EPOCH_SECONDS

VARIABLE = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))")
_ESCAPING = re.compile(r"\s*escape=(default|json|none)\s+")

_KNOWN = {
    "args": ("args", Kind.TEXT),
    "body_bytes_sent": ("bytes", Kind.NUMBER),
    "document_uri": ("uri", Kind.PATH),
    "host": ("host", Kind.HOST),
    "http_host": ("http_host", Kind.HOST),
    "http_x_forwarded_for": ("http_x_forwarded_for", Kind.LIST),
    "is_args": ("is_args", Kind.IS_ARGS),
    "msec": ("msec", Kind.TIME_PARTS),
    "proxy_add_x_forwarded_for": ("proxy_add_x_forwarded_for", Kind.LIST),
    "query_string": ("args", Kind.TEXT),
    "realip_remote_addr": ("peer_address", Kind.ADDRESS),
    "remote_addr": ("remote_addr", Kind.ADDRESS),
    "remote_user": ("remote_user", Kind.USER),
    "request": ("request", Kind.REQUEST),
    "request_method": ("method", Kind.TEXT),
    "request_uri": ("request_uri", Kind.PATH),
    "server_name": ("server_name", Kind.HOST),
    "server_port": ("server_port", Kind.NUMBER),
    "server_protocol": ("protocol", Kind.TEXT),
    "status": ("status", Kind.STATUS),
    "time_iso8601": ("time_iso8601", Kind.ISO_TIME),
    "time_local": ("time_local", Kind.LOG_TIME),
    "uri": ("uri", Kind.PATH),
}


def layout(text: str, *, tails: tuple[str, ...] = ()) -> Layout:
    """The layout of lines that a `log_format` writes; `escape=json` or `escape=none` may stand in front.

    Args:
        text: the string.
        tails: strings of one variable each that may follow, or not, in this order.

    Raises:
        LogFormatError: says what is wrong with the string.
    """
    escaping = _ESCAPING.match(text)
    escapes = Escapes.BACKSLASH
    if escaping:
        text = text[escaping.end() :]
        escapes = {"json": Escapes.JSON, "none": Escapes.NONE}.get(escaping[1], escapes)
    return Layout(tidy(_pieces(text)), tuple(tidy(_pieces(tail)) for tail in tails), escapes)


def _pieces(text: str) -> list[Piece]:
    pieces: list[Piece] = []
    end = 0
    for found in VARIABLE.finditer(text):
        pieces.append(unquoted(text[end : found.start()]))
        end = found.end()
        name = found[1] or found[2]
        known, kind = _KNOWN.get(name, (name, Kind.LIST if name.startswith("upstream_") else Kind.TEXT))
        pieces.append(Field(known, kind, EPOCH_SECONDS if name == "msec" else "", found[0]))
    pieces.append(unquoted(text[end:]))
    return pieces
