"""Dagster's objects as the JSON that Dagster stores, in half the time.

Dagster walks through an object by generators and tells each value its way from the root, which is most of what an event
costs to store: a year's run stores fifteen thousand of them. Here the plain kinds of objects are put together at once;
any other is left to Dagster. Written against `dagster_shared.serdes`; the text is the same, letter by letter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from dagster_shared.record import _REMAPPING_FIELD, is_record  # type: ignore[attr-defined]
from dagster_shared.serdes import pack_value
from dagster_shared.serdes.serdes import _WHITELIST_MAP, EMPTY_VALUES_TO_SKIP, NamedTupleSerializer, ObjectSerializer

Pack = Callable[[Any], Any]

_packs: dict[type, Pack] = {}
"""By type, how its values are packed."""

_PLAIN = frozenset((str, int, float, bool, type(None)))


def serialized(value: Any) -> str:  # noqa: ANN401 - whatever Dagster can serialize
    """What `dagster._serdes.serialize_value` gives.

    Raises:
        dagster_shared.serdes.errors.SerializationError: Dagster cannot serialize it.
    """
    return json.dumps(_packed(value), sort_keys=True)


def _packed(value: Any) -> Any:  # noqa: ANN401
    kind = type(value)
    if kind in _PLAIN:
        return value
    pack = _packs.get(kind)
    if pack is None:
        pack = _packs[kind] = _pack_of(kind, value)
    return pack(value)


def _pack_of(kind: type, value: object) -> Pack:
    if kind is list:
        return lambda values: [_packed(each) for each in values]
    if kind is dict:
        return lambda values: {key: _packed(each) for key, each in values.items()}
    if issubclass(kind, Enum):
        known: dict[Enum, Any] = {}
        return lambda each: known[each] if each in known else known.setdefault(each, pack_value(each))
    fields = getattr(value, "_fields", None)
    serializer = _WHITELIST_MAP.object_serializers.get(kind.__name__)
    if fields is None or serializer is None or not _is_plain(serializer):
        return pack_value
    if not is_record(value):
        return _of_fields(serializer, list(fields), iter)
    renamed = getattr(value, _REMAPPING_FIELD)
    return _of_fields(serializer, [renamed.get(name, name) for name in fields], lambda each: each.__hidden_iter__())


def _is_plain(serializer: ObjectSerializer[Any]) -> bool:
    """True where it packs as serializers of named tuples and records do that override nothing of it."""
    own = type(serializer)
    return (
        own.pack_items is ObjectSerializer.pack_items
        and own.before_pack is ObjectSerializer.before_pack
        and own.object_as_mapping is NamedTupleSerializer.object_as_mapping
        and not serializer.field_serializers
    )


def _of_fields(serializer: ObjectSerializer[Any], names: list[str], values: Callable[[Any], Iterable[Any]]) -> Pack:
    def stored(some: Iterable[str]) -> list[str]:
        return [serializer.storage_field_names.get(each, each) for each in some]

    keys = stored(names)
    not_empty, not_none = (
        frozenset(stored(skipped)) for skipped in (serializer.skip_when_empty_fields, serializer.skip_when_none_fields)
    )
    name = serializer.get_storage_name()

    def pack(value: Any) -> Any:  # noqa: ANN401
        packed: dict[str, Any] = {"__class__": name}
        for key, each in zip(keys, values(value), strict=True):
            if (key in not_empty and each in EMPTY_VALUES_TO_SKIP) or (key in not_none and each is None):
                continue
            packed[key] = _packed(each)
        packed.update(serializer.old_fields)
        return packed

    return pack
