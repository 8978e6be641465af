"""Named days: raw rows and what core.fct_website_events is to make of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from growth_assets_tests.tables.days import IPHONE, LAST_MICROSECOND, ROBOT, at, event, request

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Broken:
    """A received row that breaks a row rule."""

    rule: str
    story: str
    row: Row

    def __str__(self) -> str:
        return f"{self.rule}-{self.story}"


BROKEN = (
    Broken("in_the_future", "too far ahead when it was read", event(in_the_future=True)),
    Broken("user_id_is_bigint", "a word", event(user_id="abc")),
    Broken("user_id_is_bigint", "above BIGINT", event(user_id="9223372036854775808")),
    Broken("user_id_is_bigint", "below BIGINT", event(user_id="-9223372036854775809")),
    Broken("user_id_is_bigint", "a fraction", event(user_id="7.5")),
    Broken("user_id_is_bigint", "an exponent", event(user_id="1e3")),
    Broken("user_id_is_bigint", "blank", event(user_id=" ")),
    Broken("not_null_dim_hostname", "no host", event(hostname=None)),
    Broken("not_null_dim_action_type", "neither action nor status", event(action_type=None)),
    Broken("not_null_event_timestamp", "no time", event(event_timestamp=None)),
    Broken("not_null_logged_out_user_id", "no address", event(ip=None)),
    Broken("not_null_logged_out_user_id", "empty address", event(ip="")),
    Broken("not_null_logged_out_user_id", "no address can hold the sign that parts the key", event(ip="8.8.8.8|x")),
    Broken("dim_hostname_well_formed", "one label", event(hostname="localhost")),
    Broken("dim_hostname_well_formed", "an address", event(hostname="192.0.2.1")),
    Broken("dim_hostname_well_formed", "empty", event(hostname="")),
    Broken("dim_hostname_well_formed", "two ports", event(hostname="www.xx.com:80:443")),
    Broken("dim_hostname_well_formed", "a URL", event(hostname="https://www.xx.com")),
    Broken("dim_hostname_well_formed", "injection", event(hostname="www.xx.com' OR ''='")),
    Broken("dim_action_type_enumerated", "unknown", event(action_type="teleport")),
    Broken("dim_action_type_enumerated", "empty", event(action_type="")),
    Broken("dim_action_type_enumerated", "the name of a list", event(action_type="page_view, signup")),
)
"""dim_country is missing here: a received row cannot break its rule, since an unknown country is ZZ."""

REQUESTS = {
    # Method, target, status: the built-in rules.
    ("POST", "/signup", 200): "signup",
    ("POST", "/register", 302): "signup",
    ("POST", "/signup/confirm?plan=pro", 201): "signup",
    ("POST", "/signup-help", 200): "other_request",
    ("POST", "/en/signup", 200): "other_request",
    ("GET", "/signup", 200): "page_view",
    ("POST", "/login", 302): "login",
    ("POST", "/signin/", 200): "login",
    ("GET", "/login", 200): "page_view",
    ("POST", "/bootcamp", 200): "purchase",
    ("POST", "/bootcamp/data-2026?coupon=x", 303): "purchase",
    ("POST", "/bootcamps", 200): "other_request",
    ("GET", "/bootcamp", 200): "page_view",
    ("PUT", "/bootcamp", 200): "other_request",
    ("GET", "/app.css", 200): "static_file",
    ("GET", "/img/Logo.PNG?v=2", 304): "static_file",
    ("HEAD", "/font.woff2", 200): "static_file",
    ("POST", "/app.css", 200): "other_request",
    ("GET", "/about.css/team", 200): "page_view",
    ("GET", "/css", 200): "page_view",
    ("GET", "/", 301): "redirect",
    ("GET", "/old", 308): "redirect",
    ("GET", "/app.css", 301): "static_file",
    ("GET", "/", 304): "page_view",
    ("GET", "/", 200): "page_view",
    ("GET", "/?q=1#top", 206): "page_view",
    ("HEAD", "/", 200): "other_request",
    ("get", "/", 200): "other_request",
    ("GET", "/", 101): "other_request",
    ("GET", "/", 404): "error",
    ("POST", "/signup", 422): "error",
    ("POST", "/bootcamp", 500): "error",
    ("GET", "/missing.png", 404): "error",
    ("GET", "https://www.xx.com/signup", 200): "page_view",
    ("POST", "https://www.xx.com/signup?x=/login", 200): "signup",
    ("POST", "//www.xx.com/login", 200): "other_request",  # no host follows two slashes in a log
    ("POST", "/login?next=/signup", 200): "login",
    (None, None, 200): "other_request",
    (None, "/", 404): "error",
    ("GET", None, 200): "page_view",
}

NAMED = {"signup": "signup", " SignUp ": "signup", "PAGE_VIEW": "page_view", "watch_video": "watch_video"}
"""What a sender calls an action, and what it is called."""

HOSTS = {
    "www.xx.com": "www.xx.com",
    "WWW.XX.Com": "www.xx.com",
    " www.xx.com\t": "www.xx.com",
    "www.xx.com:443": "www.xx.com",
    "www.xx.com.": "www.xx.com",
    "WWW.xx.com.:8080": "www.xx.com",
    "xn--mnchen-3ya.de": "xn--mnchen-3ya.de",
    "a-b.c1.example": "a-b.c1.example",
    "another.org": "another.org",
}


@dataclass(frozen=True)
class Identity:
    """Rows told by their url, and the urls and times that stay, in the table's order."""

    story: str
    rows: tuple[Row, ...]
    stay: tuple[tuple[str, str], ...]
    duplicates: int = 0

    def __str__(self) -> str:
        return self.story


def _named(letters: str, **fields: Any) -> list[dict[str, Any]]:
    return [event(url=f"/{letter}", **fields) for letter in letters]


def _file(day_part: str, *rows: dict[str, Any], name: str = "any.log") -> list[dict[str, Any]]:
    """Rows as lines 1, 2 ... of a file whose first event was at that time."""
    return [
        {**row, "file_started_at": at(day_part), "source_file": name, "line_number": number}
        for number, row in enumerate(rows, start=1)
    ]


_A, _B, _C = _named("abc")
_LAST = LAST_MICROSECOND
_BEFORE_LAST = _LAST - dt.timedelta(microseconds=1)

IDENTITIES = (
    Identity(
        "the same event_id twice in a file",
        ({**_A, "event_id": "1"}, {**_A, "event_id": "1"}),
        (("/a", "12:00:00"),), duplicates=1,
    ),
    Identity(
        "an event_id delivered again later, with a later time and another page",
        ({**_B, "event_id": "1", "event_timestamp": at("12:00:05")}, {**_A, "event_id": "1"}),
        (("/a", "12:00:00"),), duplicates=1,
    ),
    Identity(
        "an event_id delivered in two files, the older file wins",
        (*_file("11:00:00", {**_B, "event_id": "1"}), *_file("10:00:00", {**_A, "event_id": "1"})),
        (("/a", "12:00:00"),), duplicates=1,
    ),
    Identity(
        "one event_id of two visitors",
        ({**_A, "event_id": "1"}, {**_B, "event_id": "1", "ip": "8.8.4.4", "event_timestamp": at("12:00:01")}),
        (("/a", "12:00:00"), ("/b", "12:00:01")),
    ),
    Identity(
        "an event_id under a clock of whole seconds",
        tuple(request("GET", "/a", 200, event_id="1") for _ in range(3)),
        (("/a", "12:00:00"),), duplicates=2,
    ),
    Identity(
        "with and without an event_id",
        ({**_A, "event_id": "1"}, _A),
        # In the order of the lines.
        (("/a", "12:00:00"), ("/a", "12:00:00.000001")),
    ),
    Identity(
        "all fields equal under a subsecond clock",
        (_A, _A, {**_A, "event_timestamp": at("12:00:00.5")}),
        (("/a", "12:00:00"), ("/a", "12:00:00.500000")), duplicates=1,
    ),
    Identity(
        "equal but for one property",
        ({**_A, "other_properties": {"n": "1"}}, {**_A, "other_properties": {"n": "2"}}),
        (("/a", "12:00:00"), ("/a", "12:00:00.000001")),
    ),
    Identity(
        "equal but for the query, which the fact table does not hold",
        ({**_A, "url": "/a?x=1"}, {**_A, "url": "/a?x=2"}),
        (("/a", "12:00:00"), ("/a", "12:00:00.000001")),
    ),
    Identity(
        "equal but for the user",
        (_A, {**_A, "user_id": "7"}),
        (("/a", "12:00:00"), ("/a", "12:00:00.000001")),
    ),
    Identity(
        "equal properties, none and an empty set of them",
        ({**_A, "other_properties": {}}, {**_A, "other_properties": None}),
        (("/a", "12:00:00"),), duplicates=1,
    ),
    Identity(
        "equal lines under a clock of whole seconds are clicks of their own",
        tuple(request("GET", "/a", 200) for _ in range(3)),
        (("/a", "12:00:00"), ("/a", "12:00:00.000001"), ("/a", "12:00:00.000002")),
    ),
    Identity(
        "equal lines of two files under a clock of whole seconds",
        (*_file("10:00:00", request("GET", "/a", 200)), *_file("11:00:00", request("GET", "/a", 200))),
        (("/a", "12:00:00"), ("/a", "12:00:00.000001")),
    ),
    Identity(
        "two clocks, one of whole seconds",
        (_A, {**_A, "subsecond_clock": False}),
        (("/a", "12:00:00"), ("/a", "12:00:00.000001")),
    ),
    Identity(
        "equal times in the order of lines",
        (*_named("cab"),),
        (("/c", "12:00:00"), ("/a", "12:00:00.000001"), ("/b", "12:00:00.000002")),
    ),
    Identity(
        "equal times in the order of the files' first events, whatever they are called",
        (*_file("11:00:00", _A, _B, name="1.log"), *_file("10:00:00", _C, name="2.log")),
        (("/c", "12:00:00"), ("/a", "12:00:00.000001"), ("/b", "12:00:00.000002")),
    ),
    Identity(
        "the next microsecond is taken, so its event moves on as well",
        (_A, {**_B, "event_timestamp": at("12:00:00.000001")}, _C),
        (("/a", "12:00:00"), ("/c", "12:00:00.000001"), ("/b", "12:00:00.000002")),
    ),
    Identity(
        "two visitors at one time",
        (_A, {**_B, "ip": "8.8.4.4"}),
        # Ordered by visitor id: 8.8.8.8 hashes to the larger one here.
        (("/b", "12:00:00"), ("/a", "12:00:00")),
    ),
    Identity(
        "one address, two devices",
        (_A, {**_A, "user_agent": ROBOT}, {**_A, "user_agent": IPHONE}),
        (("/a", "12:00:00"), ("/a", "12:00:00")), duplicates=1,
    ),
    Identity(
        "three in the last microsecond of the day",
        tuple({**row, "event_timestamp": _LAST} for row in (_A, _B, _C)),
        (("/a", "23:59:59.999997"), ("/b", "23:59:59.999998"), ("/c", "23:59:59.999999")),
    ),
    Identity(
        "pushed back by the crowd at the end of the day",
        ({**_A, "event_timestamp": _BEFORE_LAST}, {**_B, "event_timestamp": _LAST}, {**_C, "event_timestamp": _LAST}),
        (("/a", "23:59:59.999997"), ("/b", "23:59:59.999998"), ("/c", "23:59:59.999999")),
    ),
    Identity(
        "alone in the last microsecond",
        ({**_A, "event_timestamp": _LAST}, _B),
        (("/b", "12:00:00"), ("/a", "23:59:59.999999")),
    ),
    Identity(
        "two in the first microsecond of the day",
        tuple({**row, "event_timestamp": at("00:00:00")} for row in (_A, _B)),
        (("/a", "00:00:00"), ("/b", "00:00:00.000001")),
    ),
)  # fmt: skip
