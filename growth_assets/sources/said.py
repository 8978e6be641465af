"""What one record says, by dotted name: `{"request": {"uri": "/"}}` says `request.uri`.

A reader takes what it understands; all that is left goes to other_properties, so that nothing is lost. A null says
nothing, and so does an object without keys. Numbers keep their digits, lists are kept as JSON text. Of a name given
twice the first counts, and the second is kept. The keys of a bag, such as the `properties` of a tracked event, go to
other_properties without the bag's name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from growth_assets.sources.json_values import Number, Object, from_json, to_text
from growth_assets.sources.properties import named_apart

Leaf = tuple[str, str]
"""A dotted name, and the text that stands there."""

Leaves = tuple[Sequence[str], Sequence[str]]
"""Names, and the texts that stand there, in the order of the record."""


def leaves(record: Object, bags: Collection[str] = (), *, joined: bool = False) -> Leaves:
    """All that a record says.

    Args:
        record: an object of JSON.
        bags: names of objects at the top that may also be given as JSON text.
        joined: a list of texts is one text, with commas, as HTTP has it for headers of one name.
    """
    names: list[str] = []
    texts: list[str] = []
    if bags:
        record = Object((name, _opened(value) if name in bags else value) for name, value in record)
    _walk(record, "", names, texts, joined=joined)
    return names, texts


def _walk(record: Object, prefix: str, names: list[str], texts: list[str], *, joined: bool) -> None:
    for name, value in record:
        kind = type(value)
        if kind is str or kind is Number:
            texts.append(value)
        elif value is None:
            continue
        elif kind is Object:
            _walk(value, f"{prefix}{name}.", names, texts, joined=joined)
            continue
        elif kind is bool:
            texts.append("true" if value else "false")
        elif kind is list and joined and _texts(value):
            texts.append(", ".join(value))
        else:
            texts.append(to_text(value) or "")
        names.append(prefix + name)


def _texts(listed: list[Any]) -> bool:
    # Most headers stand once, and to ask `all` of a generator takes five times as long.
    return type(listed[0]) is str if len(listed) == 1 else all(type(each) is str for each in listed)


def _opened(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if type(value) is str and value.startswith("{"):
        try:
            held = from_json(value)
        except ValueError:
            return value
        return held if isinstance(held, Object) else value
    return value


class Said:
    """What is left to take of one record."""

    __slots__ = ("_again", "_bags", "_first", "_front", "_left_out", "_silent")

    def __init__(self, found: Leaves, bags: tuple[str, ...] = (), left_out: frozenset[str] = frozenset()) -> None:
        """Begin with all of `found`; texts in `left_out` say nothing, neither in a column nor elsewhere."""
        self._first: dict[str, str] = {}
        self._again: list[Leaf] = []
        self._front: list[Leaf] = []
        self._bags = tuple(f"{bag}." for bag in bags)
        self._left_out = left_out
        self._silent = left_out | {""}
        for name, text in zip(*found, strict=True):
            if name in self._first:
                self._again.append((name, text))
            else:
                self._first[name] = text

    def look(self, names: Iterable[str]) -> str | None:
        """The first of `names` that says something; it stays."""
        for name in names:
            text = self._first.get(name)
            if text is not None and text not in self._silent:
                return text
        return None

    def take(self, names: Iterable[str], but: str | None = None) -> str | None:
        """The first of `names` that says something, and not `but`; it is no longer there."""
        for name in names:
            text = self._first.get(name)
            if text is not None and text != but and text not in self._silent:
                del self._first[name]
                return text
        return None

    def holds(self, *prefixes: str) -> bool:
        """True where a name begins with one of `prefixes`."""
        return any(name.startswith(prefixes) for name in self._first)

    def put(self, name: str, text: str | None) -> None:
        """Give other_properties an entry of this name, before all others."""
        if text is not None:
            self._front.append((name, text))

    def drop(self, names: Iterable[str], held_by: str) -> None:
        """Leave out parts of a text that is kept whole, as the query of a URL."""
        for name in names:
            text = self._first.get(name)
            if text is not None and text in held_by:
                del self._first[name]

    def rest(self, told: Collection[str]) -> dict[str, str | None]:
        """What goes to other_properties: what was put, keys of bags in their order, then the others by name.

        Args:
            told: texts that stand in a column; they are not repeated under a second name.
        """
        kept = list(self._front)
        others: list[Leaf] = []
        for leaf in (*self._first.items(), *self._again) if self._again else self._first.items():
            name, text = leaf
            if text in told or text in self._left_out:
                continue
            for bag in self._bags:
                if name.startswith(bag):
                    kept.append((name[len(bag) :], text))
                    break
            else:
                others.append(leaf)
        others.sort(key=_name)
        kept += others
        result: dict[str, str | None] = dict(kept)
        return result if len(result) == len(kept) else named_apart(kept)


def _name(leaf: Leaf) -> str:
    return leaf[0]
