"""Parquet files put together as they are packed: their groups of rows one after another, below one footer.

Nothing is unpacked, so it costs what a copy of the bytes costs. What tells where bytes are is told anew: the footer and
the page index. Both are in Thrift's compact protocol (thrift-compact-protocol.md of https://github.com/apache/thrift),
by the numbers that fields have in parquet.thrift of https://github.com/apache/parquet-format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

WORTH = 50_000
"""Rows in the mean group from which on a group is large enough to stay as it is."""

_MAGIC = b"PAR1"
_BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(3, 13)
_NUM_ROWS, _ROW_GROUPS = 3, 4
_COLUMNS, _GROUP_OFFSET, _ORDINAL = 1, 5, 7
_FILE_PATH, _FILE_OFFSET, _META, _OFFSET_INDEX, _OFFSET_LENGTH, _COLUMN_INDEX, _COLUMN_LENGTH = range(1, 8)
_DATA_PAGE, _INDEX_PAGE, _DICTIONARY_PAGE, _BLOOM_FILTER = 9, 10, 11, 14
_PAGES, _PAGE_OFFSET = 1, 1
_KNOWN_OF_GROUP, _KNOWN_OF_META = range(1, 8), range(1, 18)
"""Fields whose meaning is known: one that comes to the format later may tell a place, too."""

Struct = dict[int, tuple[int, Any]]
"""Fields by their numbers: what kind of value, and the value; of a list the kind of its values, and these."""


@dataclass
class _File:
    path: Path
    meta: Struct
    data_end: int
    """Where the page index begins, or the footer."""
    index: bytes
    """The page index; of each column the places of its pages are in `meta`, instead of where that was told."""

    def chunks(self) -> list[Struct]:
        return [chunk for group in _values(self.meta, _ROW_GROUPS) for chunk in _values(group, _COLUMNS)]


def together(paths: Sequence[Path], path: Path) -> bool:
    """Write the rows of `paths`, in order, to `path`; or nothing, and False, where they had better be packed anew.

    The files are known to be whole: of rows that are damaged nothing is seen here.

    Raises:
        OSError: a file cannot be read, or `path` not be written.
    """
    try:
        files = [_opened(each) for each in paths]
    except (ValueError, LookupError, TypeError):
        return False  # whatever is wrong with it is told by who reads it
    rows = sum(each.meta[_NUM_ROWS][1] for each in files)
    groups = [group for each in files for group in _values(each.meta, _ROW_GROUPS)]
    if rows < WORTH * len(groups) or len({_described(each) for each in files}) > 1:
        return False
    with path.open("xb") as out:
        out.write(_MAGIC)
        for each in files:
            _copy_data(each, out)
        for each in files:
            _copy_index(each, out)
        for number, group in enumerate(groups):
            if _ORDINAL in group:
                group[_ORDINAL] = (_I16, number)
        meta = files[0].meta | {_NUM_ROWS: (_I64, rows), _ROW_GROUPS: (_LIST, (_STRUCT, groups))}
        footer = _packed(meta)
        out.write(footer + len(footer).to_bytes(4, "little") + _MAGIC)
    return True


def _values(struct: Struct, number: int) -> list[Any]:
    values: list[Any] = struct[number][1][1] if number in struct else []
    return values


def _described(file: _File) -> bytes:
    """All that a footer says beside its groups of rows."""
    return _packed({number: field for number, field in file.meta.items() if number not in (_NUM_ROWS, _ROW_GROUPS)})


def _opened(path: Path) -> _File:
    """What is needed to put a file together with others.

    Raises:
        ValueError, LookupError, TypeError: it is no such file, or has something in it that is not known here.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 8))
        length, magic = int.from_bytes(file.read(4), "little"), file.read(4)
        if magic != _MAGIC or size < length + 12:
            raise ValueError(f"{path}: no footer")
        file.seek(size - 8 - length)
        meta: Struct = _Reader(file.read(length)).value(_STRUCT)
        opened = _File(path, meta, size - 8 - length, b"")
        if any(set(group) - set(_KNOWN_OF_GROUP) for group in _values(meta, _ROW_GROUPS)):
            raise ValueError(f"{path}: a group of rows has something that is not known here")
        for chunk in opened.chunks():
            if set(chunk[_META][1]) - set(_KNOWN_OF_META):
                raise ValueError(f"{path}: a column has something that is not known here")
            if set(chunk) - set(range(_FILE_OFFSET, _COLUMN_LENGTH + 1)) or _BLOOM_FILTER in chunk[_META][1]:
                raise ValueError(f"{path}: encrypted, in another file, or with a Bloom filter")
            opened.data_end = min(
                opened.data_end, *(chunk[at][1] for at in (_OFFSET_INDEX, _COLUMN_INDEX) if at in chunk), size
            )
        if any(chunk[_META][1][_DATA_PAGE][1] >= opened.data_end for chunk in opened.chunks()):
            raise ValueError(f"{path}: rows after the page index")
        file.seek(opened.data_end)
        opened.index = file.read(size - 8 - length - opened.data_end)
    for chunk in opened.chunks():
        if _OFFSET_INDEX in chunk:
            pages = _Reader(opened.index, chunk[_OFFSET_INDEX][1] - opened.data_end).value(_STRUCT)
            chunk[_OFFSET_INDEX] = (_I64, pages)
    return opened


def _copy_data(file: _File, out: BinaryIO) -> None:
    moved = out.tell() - len(_MAGIC)
    with file.path.open("rb") as source:
        source.seek(len(_MAGIC))
        while left := file.data_end - source.tell():
            if not out.write(source.read(min(left, 1 << 20))):
                raise OSError(f"{file.path}: is shorter than it was")
    for group in _values(file.meta, _ROW_GROUPS):
        _move(group, (_GROUP_OFFSET,), moved)
    for chunk in file.chunks():
        _move(chunk, (_FILE_OFFSET,), moved)
        _move(chunk[_META][1], (_DATA_PAGE, _INDEX_PAGE, _DICTIONARY_PAGE), moved)
        if _OFFSET_INDEX in chunk:
            for page in _values(chunk[_OFFSET_INDEX][1], _PAGES):
                _move(page, (_PAGE_OFFSET,), moved)


def _copy_index(file: _File, out: BinaryIO) -> None:
    for chunk in file.chunks():
        if _COLUMN_INDEX in chunk:
            first = chunk[_COLUMN_INDEX][1] - file.data_end
            chunk[_COLUMN_INDEX] = (_I64, out.tell())
            out.write(file.index[first : first + chunk[_COLUMN_LENGTH][1]])
        if _OFFSET_INDEX in chunk:
            pages = _packed(chunk[_OFFSET_INDEX][1])
            chunk[_OFFSET_INDEX], chunk[_OFFSET_LENGTH] = (_I64, out.tell()), (_I32, len(pages))
            out.write(pages)


def _move(struct: Struct, places: Sequence[int], by: int) -> None:
    for place in places:
        if place in struct and struct[place][1]:  # 0 says that it is not told
            struct[place] = (_I64, struct[place][1] + by)


class _Reader:
    """Values of Thrift's compact protocol, one after another."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data, self._at = data, at

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        number = shift = 0
        while (byte := self._byte()) & 0x80:
            number |= (byte & 0x7F) << shift
            shift += 7
        return number | byte << shift

    def _taken(self, length: int) -> bytes:
        self._at += length
        if self._at > len(self._data):
            raise ValueError("it ends too early")
        return self._data[self._at - length : self._at]

    def value(self, kind: int) -> Any:  # noqa: ANN401 - whatever the file holds
        """The next value.

        Raises:
            ValueError, LookupError: these bytes are none.
        """
        if kind == _STRUCT:
            return self._struct()
        if kind in (_I16, _I32, _I64):
            number = self._varint()
            return number >> 1 ^ -(number & 1)
        if kind == _BINARY:
            return self._taken(self._varint())
        if kind in (_LIST, _SET):
            size, of = divmod(self._byte(), 16)
            size = self._varint() if size == 15 else size
            return of, [self._byte() if of < _I16 else self.value(of) for _ in range(size)]
        if kind in (_BYTE, _DOUBLE):
            return self._taken(1 if kind == _BYTE else 8)
        raise ValueError(f"kind {kind} is in no Parquet file")

    def _struct(self) -> Struct:
        fields: Struct = {}
        number = 0
        while head := self._byte():
            more, kind = divmod(head, 16)
            number = number + more if more else self.value(_I16)
            fields[number] = (kind, None if kind < _BYTE else self.value(kind))
        return fields


def _packed(struct: Struct) -> bytes:
    out = bytearray()
    _pack(out, _STRUCT, struct)
    return bytes(out)


def _pack(out: bytearray, kind: int, value: Any) -> None:  # noqa: ANN401 - whatever the file holds
    if kind == _STRUCT:
        _pack_struct(out, value)
    elif kind in (_I16, _I32, _I64):
        _pack_varint(out, value << 1 if value >= 0 else (-value << 1) - 1)
    elif kind == _BINARY:
        _pack_varint(out, len(value))
        out += value
    elif kind in (_LIST, _SET):
        of, values = value
        out.append(min(len(values), 15) << 4 | of)
        if len(values) >= 15:
            _pack_varint(out, len(values))
        for each in values:
            if of < _I16:
                out.append(each)
            else:
                _pack(out, of, each)
    else:
        out += value


def _pack_struct(out: bytearray, struct: Struct) -> None:
    before = 0
    for number, (kind, value) in struct.items():
        if 0 < number - before < 16:
            out.append((number - before) << 4 | kind)
        else:
            out.append(kind)
            _pack(out, _I16, number)
        before = number
        if kind >= _BYTE:
            _pack(out, kind, value)
    out.append(0)


def _pack_varint(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
