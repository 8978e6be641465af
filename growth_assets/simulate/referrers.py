"""Where visitors come from: the sources by name, and the referrers by which each is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """A source of visits. Its campaign tag, if any, names the same source as its referrers do."""

    name: str
    weight: int
    referrers: tuple[str, ...]
    tag: str | None = None


ORIGINS = (
    Origin("direct", 24, ("",)),
    Origin(
        "LinkedIn",
        22,
        ("https://www.linkedin.com/", "https://www.linkedin.com/feed/", "https://lnkd.in/"),
        "linkedin",
    ),
    Origin(
        "Substack",
        14,
        (
            "https://substack.com/",
            "https://pipelines-and-people.substack.com/p/why-counts-differ",
            "https://thelateevent.substack.com/p/watermarks-by-hand",
            "https://modelingnotes.substack.com/",
        ),
        "substack",
    ),
    Origin(
        "Google",
        20,
        (
            "https://www.google.com/",
            "https://www.google.co.in/",
            "https://www.google.de/",
            "https://www.google.co.uk/",
        ),
        "google",
    ),
    Origin("Bing", 4, ("https://www.bing.com/",)),
    Origin("X", 6, ("https://t.co/", "https://t.co/Qm3vXk81Zd", "https://x.com/"), "twitter"),
    Origin(
        "Hacker News",
        4,
        ("https://news.ycombinator.com/", "https://news.ycombinator.com/item?id=38112345"),
    ),
    Origin(
        "other",
        4,
        (
            "https://blog.example.org/reading-list",
            "https://learn.example.net/resources",
            "https://example.com/",
        ),
    ),
    # A link on a sister site: the first event of a visit, and yet internal.
    Origin("internal", 2, ("",)),
)

NAMES = tuple(origin.name for origin in ORIGINS)
INTERNAL = NAMES.index("internal")
OUTSIDE = tuple(referrer for origin in ORIGINS[:INTERNAL] for referrer in origin.referrers)
"""Referrers outside our sites, by their number; number 0 is none."""
SOURCE_OF = tuple(number for number, origin in enumerate(ORIGINS[:INTERNAL]) for _ in origin.referrers)
"""For each outside referrer the position of its source in NAMES."""
FIRST_REFERRER = tuple(sum(len(earlier.referrers) for earlier in ORIGINS[:number]) for number in range(len(ORIGINS)))
