"""Apache's `LogFormat` strings (mod_log_config, mod_logio)."""

from __future__ import annotations

import re

from growth_assets.log_format.layout import Field, Kind, Layout, LogFormatError, Piece, tidy, unquoted
from growth_assets.log_format.times import APACHE_UNITS, strftime

DIRECTIVE = re.compile(r"%((?:[!<>,0-9]|\{[^}]*\})*)(\^t[io]|\^FB|.)", re.DOTALL)
"""Modifiers and letter: statuses, `<` or `>`, and a name in braces stand between the sign and the letter."""

_PLAIN = {
    "a": ("remote_addr", Kind.ADDRESS),
    "A": ("server_addr", Kind.ADDRESS),
    "b": ("bytes", Kind.NUMBER),
    "B": ("bytes", Kind.NUMBER),
    "D": ("request_time_us", Kind.TEXT),
    "f": ("request_filename", Kind.TEXT),
    "h": ("remote_host", Kind.ADDRESS),
    "H": ("protocol", Kind.TEXT),
    "I": ("request_length", Kind.NUMBER),
    "k": ("connection_requests", Kind.TEXT),
    "l": ("ident", Kind.TEXT),
    "L": ("log_id", Kind.TEXT),
    "m": ("method", Kind.TEXT),
    "O": ("bytes_sent", Kind.NUMBER),
    "p": ("server_port", Kind.NUMBER),
    "P": ("pid", Kind.TEXT),
    "q": ("query", Kind.QUERY),
    "r": ("request", Kind.REQUEST),
    "R": ("handler", Kind.TEXT),
    "S": ("bytes_transferred", Kind.NUMBER),
    "T": ("request_time", Kind.TEXT),
    "u": ("remote_user", Kind.USER),
    "U": ("uri", Kind.PATH),
    "v": ("virtual_host", Kind.HOST),
    "V": ("canonical_host", Kind.HOST),
    "X": ("connection_status", Kind.TEXT),
    "^FB": ("first_byte_us", Kind.TEXT),
}
_NAMED = {
    "a": {"c": ("peer_address", Kind.ADDRESS)},
    "h": {"c": ("peer_host", Kind.ADDRESS)},
    "p": {
        "canonical": ("server_port", Kind.NUMBER),
        "local": ("local_port", Kind.NUMBER),
        "remote": ("remote_port", Kind.NUMBER),
    },
    "P": {name: (name, Kind.TEXT) for name in ("pid", "tid", "hextid")},
    "T": {
        "s": ("request_time", Kind.TEXT),
        "ms": ("request_time_ms", Kind.TEXT),
        "us": ("request_time_us", Kind.TEXT),
    },
}
_FAMILIES = {
    "C": "cookie_",
    "e": "env_",
    "i": "http_",
    "n": "note_",
    "x": "ssl_",
    "o": "sent_http_",
    "^ti": "trailer_",
    "^to": "sent_trailer_",
}
"""Directives that take any name; mod_ssl's variables begin with SSL themselves."""


def layout(text: str) -> Layout:
    """The layout of lines that a `LogFormat` writes.

    Raises:
        LogFormatError: says what is wrong with the string.
    """
    pieces: list[Piece] = []
    end = 0
    final = any(letter == "s" and ">" in modifiers for modifiers, letter in DIRECTIVE.findall(text))
    for found in DIRECTIVE.finditer(text):
        pieces.append(unquoted(text[end : found.start()]))
        end = found.end()
        pieces.extend(_directive(found, final=final))
    if text.endswith("%") and not text.endswith("%%"):
        raise LogFormatError("a % with nothing after it")
    pieces.append(unquoted(text[end:]))
    return Layout(tidy(pieces))


def _directive(found: re.Match[str], *, final: bool) -> list[Piece]:
    written, modifiers, letter = found[0], found[1], found[2]
    braces = re.search(r"\{([^}]*)\}", modifiers)
    if letter == "%":
        return ["%"]
    if letter == "t":
        return _time(braces[1] if braces else "", written)
    if letter == "s":
        name = "original_status" if final and ">" not in modifiers else "status"
        return [Field(name, Kind.STATUS, written=written)]
    if letter in _FAMILIES and braces:
        name = _FAMILIES[letter] + re.sub(r"[^a-z0-9_]", "_", braces[1].lower()).removeprefix(
            "ssl_" if letter == "x" else ""
        )
        kind = {"http_x_forwarded_for": Kind.LIST, "http_host": Kind.HOST}.get(name, Kind.TEXT)
        return [Field(name, kind, written=written)]
    known = _NAMED.get(letter, {}).get(braces[1]) if braces else _PLAIN.get(letter)
    if known is None:
        raise LogFormatError(f"unknown directive {written}")
    return [Field(*known, written=written)]


def _time(form: str, written: str) -> list[Piece]:
    form = re.sub(r"^(?:begin|end):", "", form)
    if form in {"", "begin", "end"}:
        return ["[", Field("time_local", Kind.LOG_TIME, written=written), "]"]
    parts = APACHE_UNITS.get(form) or strftime(form)
    return [Field("time", Kind.TIME_PARTS, parts, written)]
