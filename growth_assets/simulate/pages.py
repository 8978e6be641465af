"""What can be asked of a site: its pages, its forms, its files; each request once, known by its number.

The wire formats and the truth look a request up here, so both speak of the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """One thing a visitor does. `path` may carry a query; `status` and `size` show in access logs only."""

    action: str
    path: str
    method: str = "GET"
    status: int = 200
    size: int = 0
    properties: Mapping[str, str] = field(default_factory=dict)


_PAGES = (
    ("/", 30), ("/about", 4), ("/blog", 9), ("/blog/what-is-a-data-contract", 8), ("/blog/late-data", 6),
    ("/blog/slowly-changing-dimensions", 5), ("/blog/first-job-as-a-data-engineer", 9), ("/courses", 8),
    ("/courses/sql-for-analysts", 5), ("/courses/streaming", 3), ("/pricing", 4), ("/bootcamp", 7),
    ("/bootcamp/data-engineering", 4), ("/bootcamp/analytics-engineering", 2),
)  # fmt: skip
_BOOTCAMPS = {"data-engineering": "1800", "analytics-engineering": "1500", "machine-learning": "2100"}
_TAGS = (
    ("linkedin", "social", "spring"), ("substack", "newsletter", "guest-post"),
    ("google", "cpc", "brand"), ("twitter", "social", "launch"),
)  # fmt: skip
_VIDEOS = ("welcome", "a-day-in-the-bootcamp", "student-story")

REQUESTS: list[Request] = []


def _listed(*requests: Request) -> tuple[int, ...]:
    first = len(REQUESTS)
    REQUESTS.extend(requests)
    return tuple(range(first, len(REQUESTS)))


def _page(path: str) -> Request:
    return Request("page_view", path, size=4000 + 137 * len(path))


PAGES = _listed(*(_page(path) for path, _ in _PAGES))
PAGE_WEIGHTS = tuple(weight for _, weight in _PAGES)
TAGGED = {
    source: _listed(
        *(_page(f"{path}?utm_source={source}&utm_medium={medium}&utm_campaign={campaign}") for path, _ in _PAGES)
    )
    for source, medium, campaign in _TAGS
}
"""Each page again, with the campaign tags of a source; in the order of PAGES."""
(SIGNUP_PAGE,) = _listed(_page("/signup"))
(LOGIN_PAGE,) = _listed(_page("/login"))
BOOTCAMP_PAGES = _listed(*(_page(f"/bootcamp/{name}/enrol") for name in _BOOTCAMPS))
PAGE_VIEWS = len(REQUESTS)
"""Requests with a number below this are pages, which can be the referrer of what follows."""
(SIGNUP,) = _listed(Request("signup", "/signup", "POST", 303, 0, {"plan": "free"}))
(LOGIN,) = _listed(Request("login", "/login", "POST", 303))
PURCHASES = _listed(
    *(
        Request(
            "purchase",
            f"/bootcamp/{name}",
            "POST",
            303,
            0,
            {"course": name, "currency": "USD", "price": price},
        )
        for name, price in _BOOTCAMPS.items()
    )
)
WATCHED = _listed(
    *(
        Request("watch_video", f"/courses/{name}", properties={"video": name, "seconds": str(40 + 35 * number)})
        for number, name in enumerate(_VIDEOS)
    )
)
(CLICK,) = _listed(Request("click", "/courses", properties={"button": "read more"}))
FILES = _listed(
    Request("static_file", "/assets/site.css", size=18_210),
    Request("static_file", "/assets/site.js", size=92_004),
    Request("static_file", "/assets/logo.svg", status=304),
    Request("static_file", "/favicon.ico", size=1_150),
    *(
        Request("static_file", f"/media/{name}.mp4", status=206, size=1_048_576 + number)
        for number, name in enumerate(_VIDEOS)
    ),
)
(ROBOTS,) = _listed(Request("static_file", "/robots.txt", size=68))
MISSING = _listed(
    Request("error", "/blog/old-post", status=404, size=512),
    Request("error", "/apple-touch-icon.png", status=404, size=512),
    Request("error", "/courses/streaming?page=2", status=500, size=170),
)
MOVED = _listed(
    Request("redirect", "/course", status=301, size=162), Request("redirect", "/home", status=302, size=154)
)

ACTIONS = tuple(dict.fromkeys(request.action for request in REQUESTS))
"""Every action of the demo world."""
