"""The fields of a log line, in order, and the text between them.

A field is named in nginx's words, whatever server wrote it; so are the properties that fields become:
`http_accept` is a request header, `sent_http_etag` one of the response, `cookie_lang` a cookie.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class LogFormatError(ValueError):
    """A log-format string cannot be understood. The message says what is wrong with it."""


class Kind(StrEnum):
    """What can stand in a field, and how its end is found."""

    TEXT = "text"
    """Ends where the text after it begins."""
    ADDRESS = "address"
    HOST = "host"
    USER = "user"
    """Text that may hold spaces, before a time in brackets."""
    LIST = "list"
    """Values with a comma or colon and a space between."""
    REQUEST = "request"
    PATH = "path"
    QUERY = "query"
    """Empty, or with its question mark."""
    IS_ARGS = "is_args"
    STATUS = "status"
    NUMBER = "number"
    CLIENT = "client"
    """An address and a port."""
    SYSLOG = "syslog"
    """What syslog puts in front of a line that begins with a client, or nothing."""
    BRACES = "braces"
    """One or two texts in braces and the space after them, or nothing."""
    LOG_TIME = "log_time"
    """As in 17/May/2015:10:05:03 +0200."""
    ISO_TIME = "iso_time"
    TIME_PARTS = "time_parts"
    """A time, or a part of one, by an expression whose groups are named for its parts."""


class Escapes(StrEnum):
    """How a server writes what would end a field early."""

    BACKSLASH = "backslash"
    JSON = "json"
    NONE = "none"


@dataclass(frozen=True)
class Field:
    """One field of a line."""

    name: str
    kind: Kind = Kind.TEXT
    parts: str = ""
    """Of TIME_PARTS: the expression."""
    written: str = ""
    """As it stands in the log-format string, for messages."""

    @property
    def is_time(self) -> bool:
        """Whether it is a time or a part of one."""
        return self.kind in {Kind.LOG_TIME, Kind.ISO_TIME, Kind.TIME_PARTS}

    @property
    def knows(self) -> frozenset[str]:
        """What of a time it gives: date, clock, fraction."""
        if self.kind in {Kind.LOG_TIME, Kind.ISO_TIME}:
            return frozenset({"date", "clock"})
        named = {part for part in _PARTS if f"(?P<{part}>" in self.parts}
        known = {"fraction"} & named
        if "epoch" in named or ({"year", "year2"} & named and {"month", "month_name"} & named and "day" in named):
            known.add("date")
        if "epoch" in named or ({"hour", "hour12"} & named and "minute" in named):
            known.add("clock")
        return frozenset(known)


_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r"}
_PARTS = ("epoch", "year", "year2", "month", "month_name", "day", "hour", "hour12", "minute", "fraction")

Piece = str | Field
"""A field, or text that stands in every line."""


@dataclass(frozen=True)
class Layout:
    """The pieces of a line in order.

    Raises:
        LogFormatError: no line could be read by it.
    """

    pieces: tuple[Piece, ...]
    tails: tuple[tuple[Piece, ...], ...] = ()
    """Further pieces, each a text and one field, that only newer versions of a writer put at the end."""
    escapes: Escapes = Escapes.BACKSLASH
    bare_dashes: bool = False
    """True where the writer leaves the quotes out around a dash that says that there is nothing."""

    def __post_init__(self) -> None:
        for first, second in pairwise(self.pieces):
            if isinstance(first, Field) and isinstance(second, Field) and not _can_touch(first, second):
                raise LogFormatError(
                    f"{first.written} and {second.written} stand side by side: where one ends cannot be seen. "
                    "Log them with a space between"
                )
        if not self.clock:
            raise LogFormatError(
                "no time: a line must say its date and time, as by %t, %{sec}t, $time_local, $time_iso8601 or $msec"
            )

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields alone, the later ones too."""
        return tuple(piece for piece in self.all_pieces if isinstance(piece, Field))

    @property
    def all_pieces(self) -> tuple[Piece, ...]:
        """The pieces of a line that has everything."""
        return self.pieces + tuple(piece for tail in self.tails for piece in tail)

    @property
    def clock(self) -> tuple[Field, ...]:
        """The fields that make up the time of an event: one that is finer than a second, if there is one."""
        times = [field for field in self.fields if field.is_time]
        whole = [field for field in times if field.knows >= {"date", "clock"}]
        finest = [field for field in whole if "fraction" in field.knows]
        if finest:
            return (finest[0],)
        if whole and whole[0].kind is not Kind.TIME_PARTS:
            return (whole[0],)
        parts = tuple(field for field in times if field.kind is Kind.TIME_PARTS and field not in whole[1:])
        known = frozenset[str]().union(*(field.knows for field in parts))
        return parts if known >= {"date", "clock"} else tuple(whole[:1])


def _can_touch(first: Field, second: Field) -> bool:
    if second.kind in {Kind.QUERY, Kind.IS_ARGS}:
        return first.kind is Kind.PATH
    if second.kind is Kind.PATH:
        return first.kind in {Kind.HOST, Kind.NUMBER}
    return first.kind in {Kind.IS_ARGS, Kind.SYSLOG, Kind.BRACES}


_OURS = (
    "target", "clock", "offset", "event_timestamp", "subsecond_clock", "line_number", "undecodable_bytes",
    "further_fields", "url_host",
)  # fmt: skip
"""Names that a reader gives to what it finds itself."""


def unquoted(text: str) -> str:
    """Text as it stands in lines, for text as it stands between the quotes of a server's configuration."""
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text)


def tidy(pieces: list[Piece]) -> tuple[Piece, ...]:
    """The pieces with neighbouring texts joined, and fields of one name told apart by a number."""
    done: list[Piece] = []
    taken = set(_OURS)
    if any(isinstance(piece, Field) and piece.kind is Kind.REQUEST for piece in pieces):
        taken |= {"method", "protocol"}
    for piece in pieces:
        if isinstance(piece, str):
            if done and isinstance(done[-1], str):
                done[-1] += piece
            elif piece:
                done.append(piece)
            continue
        name, number = piece.name, 1
        while name in taken:
            number += 1
            name = f"{piece.name}#{number}"
        taken.add(name)
        done.append(Field(name, piece.kind, piece.parts, piece.written))
    return tuple(done)
