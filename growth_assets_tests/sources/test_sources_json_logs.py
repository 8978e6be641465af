"""JSON access logs of nginx, Caddy and Traefik: lines written by hand, and what each becomes, by hand."""

# ruff: noqa: DTZ001 - times are naive UTC

import datetime as dt
import json

import pytest

from growth_assets.sources.errors import SourceError

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0"

NGINX = {
    "time_iso8601": "2026-03-14T11:05:03+01:00",
    "remote_addr": "192.0.2.7",
    "remote_user": "-",
    "request": "GET /pricing?plan=pro HTTP/2.0",
    "status": "200",
    "body_bytes_sent": "5120",
    "request_time": "0.050",
    "http_referer": "https://www.linkedin.com/feed/",
    "http_user_agent": AGENT,
    "http_x_forwarded_for": "198.51.100.9, 192.0.2.7",
    "host": "www.xx.com",
}
CADDY = {
    "level": "info",
    "ts": 1773482703.1234567,
    "logger": "http.log.access.log0",
    "msg": "handled request",
    "request": {
        "remote_ip": "192.0.2.200",
        "remote_port": "41342",
        "client_ip": "198.51.100.9",
        "proto": "HTTP/2.0",
        "method": "POST",
        "host": "www.xx.com",
        "uri": "/signup?from=home",
        "headers": {
            "User-Agent": [AGENT],
            "Referer": ["https://www.xx.com/"],
            "X-Forwarded-For": ["203.0.113.5", "198.51.100.9"],
            "Accept": ["text/html", "*/*"],
        },
        "tls": {"resumed": False, "version": 772},
    },
    "bytes_read": 0,
    "user_id": "",
    "duration": 0.0010,
    "size": 10900,
    "status": 303,
    "resp_headers": {"Server": ["Caddy"]},
}
TRAEFIK = {
    "ClientAddr": "198.51.100.9:51234",
    "ClientHost": "198.51.100.9",
    "ClientPort": "51234",
    "ClientUsername": "-",
    "DownstreamContentSize": 512,
    "DownstreamStatus": 404,
    "Duration": 1234567,
    "OriginStatus": 200,
    "RequestAddr": "www.xx.com",
    "RequestHost": "www.xx.com",
    "RequestMethod": "GET",
    "RequestPath": "/missing?x=1",
    "RequestProtocol": "HTTP/1.1",
    "StartLocal": "2026-03-14T11:05:03.123456789+01:00",
    "StartUTC": "2026-03-14T10:05:03.123456789Z",
    "entryPointName": "websecure",
    "request_Referer": "https://substack.com/home",
    "request_User-Agent": AGENT,
    "request_X-Real-Ip": "198.51.100.9",
    "level": "info",
    "msg": "",
    "time": "2026-03-14T10:05:04Z",
}
NOTHING = dict.fromkeys(("event_id", "action_type", "event_name", "user_id"))

SAMPLES = {
    "nginx_json": (
        NGINX,
        {
            **NOTHING,
            "event_timestamp": dt.datetime(2026, 3, 14, 10, 5, 3),
            "subsecond_clock": False,
            "hostname": "www.xx.com",
            "method": "GET",
            "url": "/pricing?plan=pro",
            "status": 200,
            "referrer": "https://www.linkedin.com/feed/",
            "ip": "192.0.2.7",
            "forwarded_for": "198.51.100.9, 192.0.2.7",
            "user_agent": AGENT,
            "other_properties": [
                ("method", "GET"),
                ("protocol", "HTTP/2.0"),
                ("status", "200"),
                ("body_bytes_sent", "5120"),
                ("request_time", "0.050"),
            ],
            "line_number": 1,
        },
    ),
    "caddy": (
        CADDY,
        {
            **NOTHING,
            "event_timestamp": dt.datetime(2026, 3, 14, 10, 5, 3, 123456),
            "subsecond_clock": True,
            "hostname": "www.xx.com",
            "method": "POST",
            "url": "/signup?from=home",
            "status": 303,
            "referrer": "https://www.xx.com/",
            "ip": "198.51.100.9",
            "forwarded_for": "203.0.113.5, 198.51.100.9",
            "user_agent": AGENT,
            "other_properties": [
                ("method", "POST"),
                ("protocol", "HTTP/2.0"),
                ("status", "303"),
                ("bytes_read", "0"),
                ("duration", "0.001"),
                ("level", "info"),
                ("logger", "http.log.access.log0"),
                ("msg", "handled request"),
                ("request.headers.Accept", "text/html, */*"),
                ("request.remote_ip", "192.0.2.200"),
                ("request.remote_port", "41342"),
                ("request.tls.resumed", "false"),
                ("request.tls.version", "772"),
                ("resp_headers.Server", "Caddy"),
                ("size", "10900"),
            ],
            "line_number": 1,
        },
    ),
    "traefik": (
        TRAEFIK,
        {
            **NOTHING,
            "event_timestamp": dt.datetime(2026, 3, 14, 10, 5, 3, 123456),
            "subsecond_clock": True,
            "hostname": "www.xx.com",
            "method": "GET",
            "url": "/missing?x=1",
            "status": 404,
            "referrer": "https://substack.com/home",
            "ip": "198.51.100.9",
            "forwarded_for": "198.51.100.9",
            "user_agent": AGENT,
            "other_properties": [
                ("method", "GET"),
                ("protocol", "HTTP/1.1"),
                ("status", "404"),
                ("ClientPort", "51234"),
                ("DownstreamContentSize", "512"),
                ("Duration", "1234567"),
                ("OriginStatus", "200"),
                ("RequestAddr", "www.xx.com"),
                ("StartLocal", "2026-03-14T11:05:03.123456789+01:00"),
                ("entryPointName", "websecure"),
                ("level", "info"),
                ("time", "2026-03-14T10:05:04Z"),
            ],
            "line_number": 1,
        },
    ),
}


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_request_is_known_and_read_by_every_column(read_bytes, name):
    record, expected = SAMPLES[name]
    whole = read_bytes(json.dumps(record).encode() + b"\n")
    assert (whole.format, whole.rejected) == (name, [])
    assert whole.events == [expected]


BROKEN = {
    "nginx_json": [
        ({**NGINX, "time_iso8601": "2026-02-30T11:05:03+01:00"}, "bad_time"),
        ({**NGINX, "time_iso8601": "2026-03-14T11:05:03"}, "time_without_offset"),
        ({**NGINX, "time_iso8601": 1773482703}, "bad_time"),
        (without(NGINX, "time_iso8601"), "no_time"),
        (without(NGINX, "request", "status"), "not_a_log_line"),
    ],
    "caddy": [
        ({**CADDY, "ts": 1773482703123456}, "bad_time"),
        ({**CADDY, "ts": "2026/03/14 10:05:03"}, "time_without_offset"),
        ({**CADDY, "ts": "2026/13/14 10:05:03"}, "bad_time"),
        ({**CADDY, "ts": -1}, "bad_time"),
        ({**CADDY, "ts": 1e300}, "bad_time"),
        (without(CADDY, "ts"), "no_time"),
        ({"level": "info", "ts": 1773482703.1, "logger": "admin", "msg": "stopped"}, "not_a_log_line"),
        ({**CADDY, "logger": "http.log.error.log0"}, "not_a_log_line"),
    ],
    "traefik": [
        ({**TRAEFIK, "StartUTC": "now"}, "bad_time"),
        (without(TRAEFIK, "StartUTC", "StartLocal", "time"), "no_time"),
        (without(TRAEFIK, "RequestPath", "DownstreamStatus", "OriginStatus"), "not_a_log_line"),
    ],
}
NOT_JSON = [
    ("", "blank_line"),
    ("{", "not_json"),
    ('{"a": NaN}', "not_json"),
    ("[1]", "not_an_object"),
    ("{}", "no_time"),
]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_broken_line_is_rejected_alone_with_its_reason(read_bytes, name):
    good = json.dumps(SAMPLES[name][0])
    broken = [(json.dumps(record), reason) for record, reason in BROKEN[name]] + NOT_JSON
    lines = [line for text, _ in broken for line in (good, text)]
    whole = read_bytes("\n".join([*lines, good, good[:-1]]).encode(), format=name)
    numbered = [(2 * number, reason) for number, (_, reason) in enumerate(broken, start=1)]
    assert whole.reasons == [*numbered, (len(lines) + 2, "not_json")], "the last line is half a line"
    assert [event["line_number"] for event in whole.events] == list(range(1, len(lines) + 2, 2))


CADDY_TIMES = {
    "1773482703": (0, False),
    "1773482703.25": (250_000, True),
    "1773482703123": (123_000, True),
    "1773482703123.4567": (123_456, True),
    "1773482703123456789": (123_456, True),
    '"2026-03-14T10:05:03.123Z"': (123_000, True),
    '"2026-03-14T11:05:03+0100"': (0, False),
    '"2026/03/14 12:05:03"': (0, False),
    '"2026/03/14 12:05:03.1234567"': (123_456, True),
    '"14/Mar/2026:11:05:03 +0100"': (0, False),
}
"""As Caddy's formats write them; those with slashes in the server's own time, two hours ahead."""


@pytest.mark.parametrize("together", [1, 70])
@pytest.mark.parametrize("ts", CADDY_TIMES)
def test_the_time_of_caddy_in_each_of_its_formats(read_bytes, ts, together):
    line = json.dumps({**CADDY, "ts": "here"}).replace('"here"', ts)
    whole = read_bytes((line + "\n").encode() * together, utc_offset="+02:00")
    assert (whole.format, len(whole.events)) == ("caddy", together)
    microsecond, fine = CADDY_TIMES[ts]
    assert {(event["event_timestamp"], event["subsecond_clock"]) for event in whole.events} == {
        (dt.datetime(2026, 3, 14, 10, 5, 3, microsecond), fine)
    }


def nginx(read_bytes, record):
    (event,) = read_bytes(json.dumps(record).encode(), format="nginx_json").events
    return event


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"time": "14/Mar/2026:11:05:03 +0100"}, (dt.datetime(2026, 3, 14, 10, 5, 3), False)),
        ({"@timestamp": "2026-03-14T10:05:03.5Z"}, (dt.datetime(2026, 3, 14, 10, 5, 3, 500_000), True)),
        ({"time": "1773482703.123"}, (dt.datetime(2026, 3, 14, 10, 5, 3, 123_000), True)),
        (
            {"time_iso8601": "2026-03-14T10:05:03Z", "msec": 1773482703.123},
            (dt.datetime(2026, 3, 14, 10, 5, 3, 123_000), True),
        ),
    ],
)
def test_the_time_of_nginx_under_whatever_key(read_bytes, keys, expected):
    event = nginx(read_bytes, {**without(NGINX, "time_iso8601"), **keys})
    assert (event["event_timestamp"], event["subsecond_clock"]) == expected


@pytest.mark.parametrize(
    ("keys", "method", "url", "left"),
    [
        ({"request_method": "POST", "request_uri": "/a?b=1"}, "POST", "/a?b=1", {}),
        ({"method": "GET", "uri": "/a", "args": "b=1"}, "GET", "/a?b=1", {}),
        ({"method": "GET", "uri": "/a", "args": ""}, "GET", "/a", {}),
        ({"request": "GET /a HTTP/1.1", "request_uri": "/b"}, "GET", "/b", {"request": "GET /a HTTP/1.1"}),
        ({"request": "\x16\x03\x01"}, None, None, {"request": "\x16\x03\x01"}),
    ],
)
def test_the_request_of_nginx_in_one_or_in_parts(read_bytes, keys, method, url, left):
    event = nginx(read_bytes, {**without(NGINX, "request"), **keys})
    assert (event["method"], event["url"]) == (method, url)
    said = dict(event["other_properties"])
    assert said.pop("method", None) == method
    assert {name: text for name, text in said.items() if name in keys} == left


@pytest.mark.parametrize("value", [["198.51.100.9"], {"ip": "198.51.100.9"}, None, 7])
def test_a_client_of_traefik_that_is_no_text_loses_no_line(read_bytes, value):
    odd = {**TRAEFIK, "ClientAddr": value, "RequestPath": "/odd"}
    whole = read_bytes("\n".join(json.dumps(record) for record in (TRAEFIK, odd)).encode(), format="traefik")
    assert [event["url"] for event in whole.events] == ["/missing?x=1", "/odd"]
    assert [event["ip"] for event in whole.events] == ["198.51.100.9"] * 2


def test_a_user_agent_that_was_not_sent_tells_a_robot_and_one_that_is_not_logged_says_nothing(read_bytes):
    assert nginx(read_bytes, {**NGINX, "http_user_agent": ""})["user_agent"] == "-"
    assert nginx(read_bytes, without(NGINX, "http_user_agent"))["user_agent"] is None
    request = {**CADDY["request"], "headers": {"Accept": ["*/*"]}}
    (event,) = read_bytes(json.dumps({**CADDY, "request": request}).encode(), format="caddy").events
    assert event["user_agent"] == "-"


def test_a_server_without_a_name_is_the_sources_host(read_bytes):
    event = nginx(read_bytes, {**without(NGINX, "host"), "server_name": "_"})
    assert (event["hostname"], dict(event["other_properties"])["server_name"]) == ("www.default.com", "_")


AT = "2026-03-14T10:05:03Z"
NO_LOGS = {
    "a package": {"name": "left-pad", "version": "1.0.0", "url": "https://example.org/left-pad", "domain": "string"},
    "a package with a time": {"name": "left-pad", "url": "git@example.org", "domain": "string", "timestamp": AT},
    "a list of sites": {"n": 1, "u": "https://example.org/", "d": "example.org", "timestamp": AT},
    "geography": {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"name": "x"}},
    "pages of a site": {"type": "page", "userId": 7, "title": "About us", "timestamp": AT},
    "a group of people": {"type": "group", "userId": 7, "anonymousId": None, "timestamp": "soon"},
    "a track of music": {"type": "track", "userId": 7, "properties": {"title": "x"}, "timestamp": AT},
    "a party": {"event_name": "Party", "event_timestamp": "tomorrow"},
    "a party in seconds": {"event_name": "Party", "event_timestamp": 1773482703},
    "a distinct party": {"event": "Party", "distinct_id": 7},
    "an invoice": {"date": AT, "client": "ACME", "status": "paid", "url": "https://example.org/invoices/1"},
    "a machine": {"time": AT, "ip": "192.0.2.7", "status": "online", "path": "/rack/1"},
    "an answer": {"timestamp": AT, "status": 404, "error": "Not Found", "path": "/missing"},
}


@pytest.mark.parametrize("record", NO_LOGS.values(), ids=NO_LOGS)
def test_objects_that_are_no_events_are_undecided_and_the_message_says_so(read_bytes, record):
    with pytest.raises(SourceError, match="They are JSON objects, but do not say what happened when") as error:
        read_bytes((json.dumps(record) + "\n").encode() * 3)
    assert "Nearest is " in str(error.value)
    assert "Set `format` for its source" in str(error.value)


@pytest.mark.parametrize("indent", [None, 2])
def test_json_that_is_no_line_each_is_undecided_with_what_to_do(read_bytes, indent):
    with pytest.raises(
        SourceError, match="an object a line, as `jq -c '.\\[\\]'` writes" if not indent else "one JSON text over"
    ):
        read_bytes(json.dumps([NGINX, NGINX], indent=indent).encode())


@pytest.mark.parametrize(
    ("record", "nearest"),
    [
        ({"ts": 1, "level": "info", "status": 200}, "caddy, with an object a line with ts, status and request"),
        ({"type": "click", "userId": 1, "timestamp": "x"}, "segment, with an object a line with type"),
        ({"hostname": "www.xx.com", "user_agent": "x", "ip": "192.0.2.1"}, "ndjson, with a JSON object a line"),
        ({"event_name": "x", "event_params": []}, "ga4, with an object a line with event_timestamp"),
    ],
)
def test_objects_of_an_unknown_shape_are_undecided_and_the_nearest_shape_is_named(read_bytes, record, nearest):
    with pytest.raises(SourceError, match=r"the format of this file is not clear from its first 2 lines") as error:
        read_bytes((json.dumps(record) + "\n").encode() * 2)
    assert "nginx_json 0%" in str(error.value)
    assert f"Nearest is {nearest}" in str(error.value)
