"""The user agents of people: real ones by their frequency, from the package fake-useragent."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np

from growth_assets.simulate.dice import Ints, Words, scaled

_PARTS = 1_000_000
"""Frequencies are percentages; a millionth of a percent is the unit of a weight."""

# Nobody of the demo world may look like a crawler, whatever list of crawlers is asked (the tests ask two).
_NO_PERSON = re.compile(r"bot|crawl|spider|slurp|headless|preview|fetch|monitor|lighthouse|http", re.IGNORECASE)
_VERSION = re.compile(r"((?:Chrome|CriOS|FxiOS|GSA|Firefox|Version)/\d+)[.\d]*")


@dataclass(frozen=True)
class Browsers:
    """Distinct user agents; by kind of device, their numbers and cumulated weights."""

    names: tuple[str, ...]
    handheld: tuple[Ints, Ints]
    desktop: tuple[Ints, Ints]

    def draw(self, words: Words, *, handheld: bool) -> Ints:
        """The user agent's number for each word, by frequency within the kind of device."""
        numbers, cumulated = self.handheld if handheld else self.desktop
        # Weights reach 10**8 and more, so the draw takes more than `scaled`'s 31 bits could give evenly.
        ticket = scaled(words, 2**31 - 1) * int(cumulated[-1]) // (2**31 - 1)
        return np.asarray(numbers[np.searchsorted(cumulated, ticket, side="right")])


@lru_cache(maxsize=4)
def browsers(distinct: int | None = None) -> Browsers:
    """The user agents of people.

    Args:
        distinct: how many different ones; beyond the list's own, frequent ones are told apart by build
            numbers, as the browsers of real people are. Default: the list as it is.
    """
    weights: dict[str, int] = {}
    handheld: dict[str, bool] = {}
    text = (resources.files("fake_useragent") / "data" / "browsers.jsonl").read_text(encoding="utf-8")
    for line in text.splitlines():
        entry = json.loads(line)
        name = str(entry["useragent"])
        if name not in weights and not _is_person(name):
            continue
        weights[name] = weights.get(name, 0) + max(1, int(float(entry["percent"]) * _PARTS))
        handheld[name] = entry["type"] != "desktop"
    ordered = sorted(weights, key=lambda name: (-weights[name], name))
    if distinct is not None:
        if distinct < 2:
            raise ValueError(f"user_agents must be at least 2, not {distinct}")
        ordered, weights, handheld = _as_many_as(distinct, ordered, weights, handheld)
    return Browsers(
        tuple(ordered),
        _of_kind(ordered, weights, handheld, wanted=True),
        _of_kind(ordered, weights, handheld, wanted=False),
    )


def _is_person(name: str) -> bool:
    # A quote or a backslash would need an escape that not every reader of access logs knows.
    return name.isascii() and not set('"\\') & set(name) and not _NO_PERSON.search(name)


def _as_many_as(
    distinct: int, ordered: list[str], weights: dict[str, int], handheld: dict[str, bool]
) -> tuple[list[str], dict[str, int], dict[str, bool]]:
    if distinct <= len(ordered):
        # The most frequent of both kinds, so that there is always one of each.
        first_desktop = next(name for name in ordered if not handheld[name])
        first_handheld = next(name for name in ordered if handheld[name])
        rest = [name for name in ordered if name not in {first_desktop, first_handheld}]
        kept = [first_handheld, first_desktop, *rest[: distinct - 2]]
        return kept, weights, handheld
    extra, whole = distinct - len(ordered), sum(weights[name] for name in ordered if _VERSION.search(name))
    names: dict[str, None] = dict.fromkeys(ordered)
    new_weights, kinds = dict(weights), dict(handheld)
    versioned = [name for name in ordered if _VERSION.search(name)]
    shares = [extra * weights[name] // whole for name in versioned]
    shares[0] += extra - sum(shares)
    for name, share in zip(versioned, shares, strict=True):
        part = max(1, weights[name] // (share + 1))
        new_weights[name] = part
        build = 0
        for _ in range(share):
            variant = name
            while variant in names:
                variant = _VERSION.sub(rf"\g<1>.0.{4000 + build // 250}.{build % 250}", name, count=1)
                build += 1
            names[variant] = None
            new_weights[variant], kinds[variant] = part, handheld[name]
    return list(names), new_weights, kinds


def _of_kind(
    ordered: list[str], weights: dict[str, int], handheld: dict[str, bool], *, wanted: bool
) -> tuple[Ints, Ints]:
    numbers = [number for number, name in enumerate(ordered) if handheld[name] is wanted]
    cumulated = np.cumsum([weights[ordered[number]] for number in numbers], dtype=np.int64)
    return np.asarray(numbers, dtype=np.int64), cumulated
