r"""One field of a log line as a regular expression: where it begins and ends is seen by the text beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from growth_assets.log_format.layout import Escapes, Field, Kind, Layout

METHOD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
PROTOCOL = r"[A-Za-z]+/[0-9]+(?:\.[0-9]+)?"
_CLOCK = r"[0-9]{2}/[A-Za-z]{3}/[0-9]{4}(?::[0-9]{2}){3}"
CLIENT = r"\[?[0-9A-Fa-f.:]{2,45}\]?:[0-9]{1,5}|unix:[0-9]{1,5}"
_SYSLOG = r'(?:([^"{}]{1,200}?) )?'
_BRACES = r"(?:(\{[^}]*\}(?: \{[^}]*\})?) )?"
_ALWAYS = {
    Kind.STATUS: "([0-9]{3}|-1?)",
    Kind.NUMBER: "([0-9]+|-)",
    Kind.IS_ARGS: r"(\??)",
    Kind.CLIENT: f"({CLIENT})",
    Kind.SYSLOG: _SYSLOG,
    Kind.BRACES: _BRACES,
}
_QUICK = {Kind.ISO_TIME: "([0-9TZ:.+-]+)", Kind.SYSLOG: r"(?:([ -!#-z|~]{1,200}?) )?"}
"""In ASCII alone: a bound makes an expression of all letters too large for the quick engine."""


@dataclass(frozen=True)
class Place:
    """A field, and the text on both sides of it and of fields that touch it."""

    field: Field
    before: str
    after: str
    touched_by: Kind | None
    """The field that follows at once."""
    layout: Layout

    @property
    def quoted(self) -> bool:
        """Whether it stands between quotes."""
        return self.before.endswith('"') and self.after.startswith('"')

    @property
    def may_be_empty(self) -> bool:
        """Whether nothing at all may stand where a server usually writes a dash."""
        return self.quoted or self.layout.escapes is not Escapes.BACKSLASH

    @property
    def stop(self) -> str:
        """Characters that end the field."""
        stop = self.after[:1]
        if not stop or self.layout.tails:
            stop += "\r\n"
        return stop + self.stop_of_next

    @property
    def stop_of_next(self) -> str:
        """The characters that a touching field begins with."""
        if self.touched_by in {Kind.QUERY, Kind.IS_ARGS}:
            return "?"
        return "/" if self.touched_by is Kind.PATH else ""

    def chars(self, besides: str = "") -> str:
        """Any character that does not end the field, and is none of `besides`."""
        return f"[^{_set(self.stop + besides)}]"

    def printable(self, besides: str) -> str:
        """Any visible ASCII character that does not end the field, and is none of `besides`."""
        return f"[{_set(chr(code) for code in range(33, 127) if chr(code) not in self.stop + besides)}]"

    @property
    def has_port(self) -> bool:
        """Whether it is a host with which its port may be logged."""
        if self.field.kind is not Kind.HOST or self.quoted or self.after.startswith(":"):
            return False
        hosts = [field for field in self.layout.fields if field.kind is Kind.HOST]
        return hosts[0] is self.field and all(field.name != "server_port" for field in self.layout.fields)


_ESCAPED = {"\r": r"\r", "\n": r"\n", "\t": r"\t"}


def _set(letters: Iterable[str]) -> str:
    """Characters as they stand in a set, for both engines."""
    return "".join(_ESCAPED.get(each) or ("\\" + each if each in r"\]^[-&~" else each) for each in letters)


def literal(text: str) -> str:
    """Text as it stands in an expression, for both engines."""
    return "".join(_ESCAPED.get(each) or ("\\" + each if each in r"\.+*?()|[]{}^$#&-~" else each) for each in text)


def quick_field(place: Place) -> tuple[str, tuple[str, ...]]:
    """The expression of a field for Rust's engine, and the names of its groups."""
    field = place.field
    if field.kind is Kind.REQUEST:
        target = place.chars('\\" ' if place.quoted else "\\ ")
        return f"({METHOD}) ({target}+) ({PROTOCOL})", ("method", "target", "protocol")
    if field.kind is Kind.LOG_TIME and field in place.layout.clock:
        return rf"({_CLOCK}) ([+-][0-9]{{4}})", ("clock", "offset")
    if field.kind in _QUICK:
        return _QUICK[field.kind], (field.name,)
    if field.kind is Kind.USER and place.after.startswith(" ["):
        return "(" + place.chars('["' + "\\") + "+)", (field.name,)
    if place.has_port:
        host = place.printable(':["' + "\\")
        return rf"({host}+)(?::([0-9]+))?", (field.name, "server_port")
    return _plain(place, escapes=False), (field.name,)


def exact_field(place: Place, *, sure: bool) -> str:
    """The expression of a field for Python's `re`: one group."""
    kind = place.field.kind
    if kind is Kind.USER and place.after.startswith(" ["):
        return r'(""|[^ \["]+)' if sure else r'(""|[^\["]{1,255}?)'
    if kind is Kind.LOG_TIME:
        if place.stop == " ":
            return r"([^ ]{1,64}(?: [+-][0-9]{4})?)"
        return f"({place.chars(chr(34))}{{1,64}})"
    if kind is Kind.REQUEST and place.stop == " ":
        return f"(-|{METHOD} [^ ]+ {PROTOCOL})"
    return _plain(place, escapes=place.layout.escapes is not Escapes.NONE)


def bare_dash_or(field: str) -> str:
    """The expression of a field with its quotes, or of a dash without: one group."""
    return f'"?((?<="){field[1:-1]}(?=")|(?<!")-(?!"))"?'


def _plain(place: Place, *, escapes: bool) -> str:
    """The expression of a field that is one group for both engines."""
    kind = place.field.kind
    if kind in _ALWAYS:
        return _ALWAYS[kind]
    if place.field.is_time:
        parts = re.sub(r"\?P<\w+>", "?:", place.field.parts)
        return f"({parts})" if parts else f"({place.chars(chr(34) if escapes else chr(34) + chr(92))}{{1,64}})"
    if kind is Kind.ADDRESS and not place.quoted:
        return f"({place.printable(chr(34) + chr(92))}+)"
    if kind is Kind.LIST and place.stop == " ":
        one = r"[^ ,\\]*"
        return rf"({one}(?:(?:, ?| : ){one})*)"
    if place.field.name == "http_user_agent" and place.stop == " " and not place.quoted:
        # It may hold what ends it, and gives back what the fields after it need.
        return r'((?:[^"\\]|\\.)+)' if escapes else r'([^"\\]+)'
    run = _run(place, escapes=escapes, first="[?]" if kind is Kind.QUERY else "")
    return f"({run}|)" if kind is Kind.QUERY else f"({run})"


def _run(place: Place, *, escapes: bool, first: str = "") -> str:
    """Text up to what ends it."""
    some = "*" if place.may_be_empty or first else "+"
    if not place.quoted or place.layout.escapes is Escapes.NONE:
        # Without quotes a server has no need of escapes to end the field.
        return first + place.chars("" if escapes or place.layout.escapes is Escapes.NONE else "\\") + some
    within = f'[^"{_set(chr(92) + place.stop_of_next)}]'
    return first + (rf"(?:{within}++|\\.)*+" if escapes else within + "*")
