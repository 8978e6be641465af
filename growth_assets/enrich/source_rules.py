"""The rules by which a source is known: `reference/sources.toml`, read and checked once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from growth_assets.enrich.domains import brand_label, normal_host
from growth_assets.reference import SOURCES

CHANNELS = (
    "search", "social", "video", "community", "developer", "chat", "newsletter", "mail", "ai", "reference",
    "blog",
)  # fmt: skip
"""The kinds of source, for reports that group them."""

DIRECT = "direct"
"""Neither a referrer nor a utm_source."""
INTERNAL = "internal"
"""From a page of our own."""
OTHER = "other"
"""From somewhere that has no name here."""

_KEYS = {"name", "channel", "hosts", "labels", "utm"}
_LABEL = re.compile(r"[a-z0-9-]+\Z")


class SourceRulesError(Exception):
    """The rules are wrong. The message names the file, the source and what is expected."""


@dataclass(frozen=True)
class SourceRules:
    """Which source a host or a utm_source belongs to."""

    channels: Mapping[str, str]
    """Name of each source, in the file's order, to its channel."""
    hosts: Mapping[str, str]
    labels: Mapping[str, str]
    utm: Mapping[str, str]

    def of_host(self, host: str) -> str | None:
        """The source a host belongs to, by the longest rule that it ends with; None where there is none."""
        rest = host
        while rest:
            if rest in self.hosts:
                return self.hosts[rest]
            rest = rest.partition(".")[2]
        # The public suffix list is slow to ask: only hosts with one of the labels in them are asked.
        if self.labels.keys().isdisjoint(host.split(".")):
            return None
        return self.labels.get(brand_label(host) or "")

    def of_utm(self, utm_source: str) -> str | None:
        """The source a utm_source names, by one of its tags or as a host; None where no rule knows it."""
        named = self.utm.get(utm_source)
        if named is None and "." in utm_source:
            host = normal_host(utm_source)
            named = self.of_host(host) if host else None
        return named


@cache
def source_rules() -> SourceRules:
    """The rules in the package."""
    return read_source_rules(SOURCES)


def source_channels() -> dict[str, str]:
    """Every answer of `named_sources` to its channel; direct, internal and other are their own."""
    return {**source_rules().channels, DIRECT: DIRECT, INTERNAL: INTERNAL, OTHER: OTHER}


def read_source_rules(path: Path) -> SourceRules:
    """Read rules from a file.

    Raises:
        SourceRulesError: the file is not TOML, has an unknown key or channel, or names anything twice.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceRulesError(f"{path}: cannot be read: {error}") from error
    channels: dict[str, str] = {}
    tables: dict[str, dict[str, str]] = {"hosts": {}, "labels": {}, "utm": {}}
    for entry in content.get("source", []):
        name = str(entry.get("name", ""))
        where = f"{path}: source {name!r}"
        if not name or name in channels or name in (DIRECT, INTERNAL, OTHER):
            raise SourceRulesError(f"{where}: needs a name of its own")
        if unknown := sorted(set(entry) - _KEYS):
            raise SourceRulesError(f"{where}: unknown key {unknown[0]}; known are {', '.join(sorted(_KEYS))}")
        if entry.get("channel") not in CHANNELS:
            raise SourceRulesError(f"{where}: channel must be one of {', '.join(CHANNELS)}")
        channels[name] = entry["channel"]
        for key, table in tables.items():
            _add(table, entry.get(key, []), name, f"{where}: {key}")
    return SourceRules(channels, tables["hosts"], tables["labels"], tables["utm"])


def _add(table: dict[str, str], values: Iterable[str], name: str, where: str) -> None:
    for value in values:
        if where.endswith("hosts"):
            good = normal_host(value) == value and "." in value
        elif where.endswith("labels"):
            good = bool(_LABEL.match(value))
        else:
            good = value == value.strip().lower() and bool(value)
        if not good:
            raise SourceRulesError(f"{where}: {value!r} is malformed; write it in lower case")
        if value in table:
            raise SourceRulesError(f"{where}: {value!r} belongs to {table[value]} already")
        table[value] = name
