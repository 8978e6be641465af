"""The quotes and colons of JSON lines: how many keys each of them has, and what may hide one, told without parsing.

In a line without a backslash every second quote ends a text, and a text is a key where a colon follows. So the number
of quotes says whether keys and texts were missed that stand apart from their colons: then it is not twice theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from growth_assets.sources.lines import BLOCK_BYTES

_TEXT, _NULL, _NUMBER, _OBJECT, _ODD = 1, 2, 4, 8, 16
_QUOTE, _COLON, _BACKSLASH, _SPACE = ord('"'), ord(":"), ord("\\"), ord(" ")


def _table(kinds: dict[bytes, int], otherwise: int) -> npt.NDArray[np.uint8]:
    table = np.full(256, otherwise, np.uint8)
    for some, kind in kinds.items():
        table[list(some)] = kind
    return table


_AFTER = _table({b'"': _TEXT, b"n": _NULL, b"tf": 0, b"-0123456789": _NUMBER, b"{": _OBJECT}, _ODD)
"""What a value is, by its first byte. Lists are odd, and so is white space but for one space."""
_BEFORE = _table({b"{,:[ \t\r\n": _ODD}, 0)
"""Before the quote and colon of a key; after one of these a quote may begin a text that begins with a colon."""


@dataclass(frozen=True)
class Marks:
    """What was found in each of some lines, all of which are JSON objects."""

    keys: npt.NDArray[np.int64]
    """How many keys, at all depths."""
    nulls: npt.NDArray[np.int64]
    """How many of them are null."""
    numbers: npt.NDArray[np.bool_]
    """Whether a value is a number."""
    odd: npt.NDArray[np.bool_]
    """Whether the others are not to be relied on: nothing is said of lines with escapes, with lists, with a null after
    an object has begun, where a key may be given twice, or with white space where there usually is none."""


def marks(data: bytes, ends: npt.NDArray[np.int64]) -> Marks:
    """The marks of the lines in `data`, whose newlines are at `ends`."""
    height = len(ends)
    found = Marks(
        np.zeros(height, np.int64), np.zeros(height, np.int64), np.zeros(height, np.bool_), np.zeros(height, np.bool_)
    )
    every = np.frombuffer(data, np.uint8)
    first = begin = 0
    while first < height:
        after = max(first + 1, int(np.searchsorted(ends, begin + BLOCK_BYTES)))
        end = int(ends[after - 1]) + 1
        rows = slice(first, after)
        block = Marks(found.keys[rows], found.nulls[rows], found.numbers[rows], found.odd[rows])
        _mark(every[begin:end], ends[rows] - begin, block, escapes=data.find(b"\\", begin, end) >= 0)
        first, begin = after, end
    return found


def _mark(part: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], into: Marks, *, escapes: bool) -> None:
    quotes = part == _QUOTE
    # The last byte is a newline, so there is always a next one.
    at = np.flatnonzero(quotes[:-1] & (part[1:] == _COLON))
    value = part[at + 2]
    if (spaced := value == _SPACE).any():
        value = np.where(spaced, part[np.minimum(at + 3, len(part) - 1)], value)
    kinds = _AFTER[value] | _BEFORE[part[at - 1]]
    edges = np.searchsorted(at, ends)
    into.keys[:] = np.diff(edges, prepend=0)
    others = np.flatnonzero(kinds != _TEXT)
    kinds_of_others, rows = kinds[others], np.searchsorted(ends, at[others])
    is_null, is_object = (kinds_of_others & kind != 0 for kind in (_NULL, _OBJECT))
    into.nulls[:] = np.bincount(rows[is_null], minlength=len(ends))
    into.numbers[rows[kinds_of_others & _NUMBER != 0]] = True
    into.odd[rows[kinds_of_others & _ODD != 0]] = True
    if is_object.any():
        begins = np.full(len(ends), len(part))
        begins[rows[is_object][::-1]] = at[others[is_object]][::-1]
        into.odd[rows[is_null & (at[others] > begins[rows])]] = True
    texts = kinds & _TEXT
    if escapes:
        into.odd[np.searchsorted(ends, np.flatnonzero(part == _BACKSLASH))] = True
    elif np.count_nonzero(quotes) == 2 * (len(at) + np.count_nonzero(texts)):
        return
    in_line = np.diff(np.searchsorted(np.flatnonzero(quotes), ends), prepend=0)
    texts_up_to = np.concatenate([[0], np.cumsum(texts, dtype=np.int64)])
    into.odd[in_line != 2 * (into.keys + np.diff(texts_up_to[edges], prepend=0))] = True
