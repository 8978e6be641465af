"""What many records of one shape say: `Said` for all of them at once, a column a name.

A file of a tracker has thousands of lines and few shapes. What is decided line by line in `Said` is decided here for
a whole column; a law of the tests holds both to the same answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from growth_assets.sources.properties import extended, named_apart

LEAST = 64
"""Fewer records of a shape are read one by one: to look at columns costs a few milliseconds."""


class Alike:
    """What is left to take of records of one shape."""

    def __init__(
        self,
        names: Sequence[str],
        texts: Sequence[Sequence[str]],
        bags: tuple[str, ...] = (),
        left_out: frozenset[str] = frozenset(),
    ) -> None:
        """Begin with all of `texts`, a sequence for each of `names`, no name twice."""
        self.height = len(texts[0])
        self._left = {name: pl.Series(name, text, pl.String) for name, text in zip(names, texts, strict=True)}
        self._front: list[tuple[str, pl.Series]] = []
        self._bags = tuple(f"{bag}." for bag in bags)
        self._left_out = sorted(left_out)
        self._silent = sorted(left_out | {""})

    @property
    def nothing(self) -> pl.Series:
        """A column that says nothing."""
        return pl.Series("", [None], pl.String).new_from_index(0, self.height)

    def look(self, names: Iterable[str]) -> pl.Series:
        """The first of `names` that says something; it stays."""
        return self._first(names, self._true, None, take=False)

    def take(self, names: Iterable[str], where: pl.Series | None = None, but: str | None = None) -> pl.Series:
        """The first of `names` that says something, and not `but`; it is no longer there. Null but `where` is true."""
        return self._first(names, self._true if where is None else where, but, take=True)

    def holds(self, *prefixes: str) -> bool:
        """True where a name begins with one of `prefixes`."""
        return any(name.startswith(prefixes) for name in self._left)

    def put(self, name: str, text: pl.Series) -> None:
        """Give other_properties an entry of this name, before all others, where `text` is not null."""
        self._front.append((name, text))

    def drop(self, names: Iterable[str], held_by: pl.Series) -> None:
        """Leave out parts of a text that is kept whole, where there is one."""
        for name in names:
            if name in self._left:
                text = self._left[name]
                held = _pair(held_by, text).select(pl.col("a").str.contains(pl.col("b"), literal=True))
                self._leave(name, held.to_series().fill_null(value=False))

    def rest(self, told: Iterable[pl.Series]) -> pl.Series | None:
        """What goes to other_properties; None where entries of one name need other numbers from record to record."""
        for name, text in list(self._left.items()):
            gone = text.is_in(self._left_out) if self._left_out else ~self._true
            for each in told:
                gone |= (text == each).fill_null(value=False)
            self._leave(name, gone.fill_null(value=False))
        kept = list(self._front)
        others: list[tuple[str, pl.Series]] = []
        for name, text in self._left.items():
            bag = next((bag for bag in self._bags if name.startswith(bag)), None)
            if bag is None:
                others.append((name, text))
            else:
                kept.append((name[len(bag) :], text))
        kept += sorted(others, key=lambda entry: entry[0])
        given = [(name, text) for name, text in kept if text.null_count() < self.height]
        names = [name for name, _ in given]
        if len(set(names)) < len(names):
            if any(text.null_count() for name, text in given if names.count(name) > 1 or "#" in name):
                return None  # the numbers are not the same for all
            names = list(named_apart((name, None) for name in names))
        columns = dict(zip(names, (text for _, text in given), strict=True))
        return extended(None, columns or {"none": self.nothing})

    @property
    def _true(self) -> pl.Series:
        return pl.repeat(value=True, n=self.height, dtype=pl.Boolean, eager=True)

    def _first(self, names: Iterable[str], where: pl.Series, but: str | None, *, take: bool) -> pl.Series:
        found = self.nothing
        open_ = where.fill_null(value=False)
        silent = self._silent if but is None else [*self._silent, but]
        for name in names:
            text = self._left.get(name)
            if text is None:
                continue
            here = open_ & ~text.is_in(silent).fill_null(value=True)
            found = found.zip_with(~here, text)
            open_ &= ~here
            if take:
                self._leave(name, here)
        return found

    def _leave(self, name: str, gone: pl.Series) -> None:
        if gone.any():
            text = self._left[name]
            self._left[name] = text.zip_with(~gone, self.nothing)


def _pair(first: pl.Series, second: pl.Series) -> pl.DataFrame:
    return pl.DataFrame([first.alias("a"), second.alias("b")])
