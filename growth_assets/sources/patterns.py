r"""A layout of a log line as regular expressions.

The quick ones are for lines without escapes, whose request is METHOD target PROTOCOL. Rust's engine runs one of up
to 16 groups, in which each character can belong to one group alone, eight times as fast as any other (0.2 s against
1.6 s for 300,000 lines): so a long layout is several expressions, each of which leaves the rest of the line to the
next. The exact one is run by Python's `re` over the lines that are left.

Every repetition is bounded, or can be matched in one way alone: a hostile line costs no more than its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from growth_assets.log_format.layout import Field, Kind, Layout, Piece
from growth_assets.sources.field_patterns import CLIENT, Place, bare_dash_or, exact_field, literal, quick_field

FURTHER = "further_fields"
"""What follows the last field that is known of a layout with tails."""
_MOST_GROUPS = 15
_LEAST_ROOM = 3
"""A request takes so many."""
_LINE_END = r"\r?\n"
_END = rf"({_LINE_END})$"
_ANY = r'([^"\\]*)'
"""A quick field that says nothing but that no quote and no backslash is in it."""


@dataclass(frozen=True)
class Quick:
    """An expression of lines, or of what the one before left over, and the names of its groups but the last.

    The last group is the rest of the line, or its end.
    """

    expression: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """What stands between two quotes of a line, before its first or behind its last."""

    names: tuple[str, ...]
    """Of its fields."""
    expression: str = ""
    """Has a group for each field, and an empty one; "" of a field whose text is any without a quote or a backslash."""
    texts: tuple[str, ...] = ()
    """What may stand there where no field does."""


@dataclass(frozen=True)
class Patterns:
    """How lines of a layout are read."""

    quick: tuple[Quick, ...]
    sections: tuple[Section, ...]
    """The one quick expression taken apart at the quotes; none where that saves nothing.

    What a browser calls itself is half of a line, and need not be looked at letter by letter.
    """
    exact: re.Pattern[str]
    """Of a line without its end."""
    names: tuple[str, ...]
    """Of the groups of `exact`."""
    host_with_port: str | None
    """The field from which the quick expressions part a port."""
    sample: re.Pattern[str]
    """As `exact`, but sure of where a user's name ends: for telling formats apart."""


def patterns_of(layout: Layout) -> Patterns:
    """The expressions of a layout."""
    exact, names = _whole(layout, sure=False)
    sample, _ = _whole(layout, sure=True)
    places = (place for place in _places(layout, layout.all_pieces, "") if isinstance(place, Place))
    host = next((place.field.name for place in places if place.has_port), None)
    quick = _quick(layout)
    sections = _between_quotes(layout) if len(quick) == 1 else ()
    return Patterns(quick, sections, re.compile(exact), names, host, re.compile(sample))


def _places(layout: Layout, pieces: tuple[Piece, ...], after: str) -> list[str | Place]:
    def text(side: Iterable[Piece], otherwise: str) -> str:
        return next((piece for piece in side if isinstance(piece, str)), otherwise)

    found: list[str | Place] = []
    for number, piece in enumerate(pieces):
        if isinstance(piece, str):
            found.append(piece)
            continue
        following = pieces[number + 1] if number + 1 < len(pieces) else None
        touched_by = following.kind if isinstance(following, Field) else None
        before = text(reversed(pieces[:number]), "")
        found.append(Place(piece, before, text(pieces[number + 1 :], after), touched_by, layout))
    return found


def _sections(layout: Layout) -> tuple[list[str | Place], list[list[str | Place]]]:
    after = " " if layout.tails else ""
    return _places(layout, layout.pieces, after), [_places(layout, tail, after) for tail in layout.tails]


def _whole(layout: Layout, *, sure: bool) -> tuple[str, tuple[str, ...]]:
    pieces, tails = _sections(layout)
    names: list[str] = []

    def expression(places: list[str | Place]) -> str:
        found = []
        for number, place in enumerate(places):
            if isinstance(place, str):
                found.append(literal(_between(places, number) if layout.bare_dashes else place))
            else:
                field = exact_field(place, sure=sure)
                found.append(bare_dash_or(field) if layout.bare_dashes and place.quoted else field)
                names.append(place.field.name)
        return "".join(found)

    whole = expression(pieces)
    if tails:
        whole += "".join(f"(?:{expression(tail)}" for tail in tails)
        names.append(FURTHER)
        whole += "(?: (.*))?" + ")?" * len(tails)
    return whole, tuple(names)


def _between(places: list[str | Place], number: int) -> str:
    """The text of a place without the quotes of the fields beside it."""
    text = str(places[number])
    before = places[number - 1] if number else None
    after = places[number + 1] if number + 1 < len(places) else None
    if isinstance(before, Place) and before.quoted:
        text = text.removeprefix('"')
    return text.removesuffix('"') if isinstance(after, Place) and after.quoted else text


def _quick(layout: Layout) -> tuple[Quick, ...]:
    pieces, tails = _sections(layout)
    done: list[Quick] = []
    expression, names = "^", list[str]()
    for number, place in enumerate(pieces):
        full = len(names) > _MOST_GROUPS - _LEAST_ROOM
        if isinstance(place, str):
            previous = pieces[number - 1] if number else None
            if full and isinstance(previous, Place):
                done.append(Quick(rf"{expression}({literal(place[:1])}[^\n]*\n)$", tuple(names)))
                expression, names = "^", []
            expression += literal(place)
            continue
        found, of_place = quick_field(place)
        expression += found
        names += of_place
        if place.field.kind is Kind.SYSLOG:
            done.append(Quick(rf"{expression}((?:{CLIENT}) \[[^\n]*\n)$", tuple(names)))
            expression, names = "^", []
    if tails:
        done.append(Quick(expression + r"((?: [^\n]*|\r)?\n)$", tuple(names)))
        expression, names = "^", []
        for tail in tails:
            expression += "(?:"
            for place in tail:
                found, of_place = (literal(place), ()) if isinstance(place, str) else quick_field(place)
                expression += found
                names += of_place
        expression += r"(?: ([^\\\r\n]*))?" + ")?" * len(tails)
        names.append(FURTHER)
    done.append(Quick(expression + _END, tuple(names)))
    return tuple(done)


def _between_quotes(layout: Layout) -> tuple[Section, ...]:
    pieces, tails = _sections(layout)
    found: list[list[str | Place]] = [[]]
    for place in pieces:
        if isinstance(place, str):
            first, *others = place.split('"')
            found[-1].append(first)
            found += [[each] for each in others]
        else:
            found[-1].append(place)
    sections = [_section(each, last=each is found[-1]) for each in found]
    worth_it = any(not section.expression and section.names for section in sections)
    return tuple(sections) if worth_it and not tails else ()


def _section(places: list[str | Place], *, last: bool) -> Section:
    expression, text, names = "", "", list[str]()
    for place in places:
        if isinstance(place, str):
            expression, text = expression + literal(place), text + place
        else:
            quick, of_place = quick_field(place)
            expression, names = expression + quick, [*names, *of_place]
    if not names:
        return Section((), texts=(f"{text}\n", f"{text}\r\n") if last else (text,))
    if expression == _ANY and not last:
        return Section(tuple(names))
    return Section(tuple(names), f"^{expression}{_LINE_END if last else ''}()$")
