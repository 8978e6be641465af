"""Access logs by the server's own format string: made-up lines, expectations by hand."""

# ruff: noqa: DTZ001 - times are naive UTC

import datetime as dt
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from growth_assets import settings
from growth_assets.settings import Source

AT = "17/May/2015:10:05:03 +0200"
UTC = dt.datetime(2015, 5, 17, 8, 5, 3)


@dataclass
class Case:
    log_format: str
    line: str
    columns: dict
    """Those that say something."""
    other: dict


NGINX_MAIN = Case(
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" "$http_x_forwarded_for" $request_time $upstream_response_time "$host" $server_port $scheme',
    f'192.0.2.1 - - [{AT}] "GET /a?b=1 HTTP/2.0" 200 5 "https://x.com/" "Agent \\x22q\\x22 \\xC3\\xA9\\x5C" '
    '"198.51.100.2, 203.0.113.4" 0.001 0.1, 0.2 "www.b.com" 443 https',
    {
        "event_timestamp": UTC,
        "hostname": "www.b.com",
        "method": "GET",
        "url": "/a?b=1",
        "status": 200,
        "referrer": "https://x.com/",
        "ip": "192.0.2.1",
        "forwarded_for": "198.51.100.2, 203.0.113.4",
        "user_agent": 'Agent "q" é\\',
    },
    {
        "bytes": "5",
        "protocol": "HTTP/2.0",
        "request_time": "0.001",
        "scheme": "https",
        "server_port": "443",
        "upstream_response_time": "0.1, 0.2",
    },
)
DEBIAN_VHOST = Case(
    r"%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\" %D %I",
    f'www.b.com:443 2001:db8::7 id jo doe [{AT}] "POST /signup HTTP/1.1" 303 512 "-" "Agent \\"q\\" \\\\" 1234 99',
    {
        "event_timestamp": UTC,
        "hostname": "www.b.com",
        "method": "POST",
        "url": "/signup",
        "status": 303,
        "ip": "2001:db8::7",
        "user_agent": 'Agent "q" \\',
    },
    {
        "bytes_sent": "512",
        "ident": "id",
        "protocol": "HTTP/1.1",
        "remote_user": "jo doe",
        "request_length": "99",
        "request_time_us": "1234",
        "server_port": "443",
    },
)
BY_PARTS = Case(
    "%a %{c}a [%{%d/%b/%Y:%H:%M:%S}t.%{msec_frac}t %{%z}t] %m %U%q %H %s %{Host}i %{X-Forwarded-For}i %T",
    "192.0.2.1 198.51.100.7 [17/May/2015:10:05:03.123 +0200] GET /a/b?c=d HTTP/1.1 200 www.b.com:8080 203.0.113.9 0",
    {
        "event_timestamp": UTC.replace(microsecond=123_000),
        "subsecond_clock": True,
        "hostname": "www.b.com",
        "method": "GET",
        "url": "/a/b?c=d",
        "status": 200,
        "ip": "192.0.2.1",
        "forwarded_for": "203.0.113.9",
    },
    {"peer_address": "198.51.100.7", "protocol": "HTTP/1.1", "request_time": "0", "server_port": "8080"},
)
EVERY_NAME = Case(
    "%{usec}t|%h|%V|%>s|%s|%B|%X|%{Accept}i|%{ETag}o|%{lang}C|%{UNIQUE_ID}e|%{x}n|%{ms}T|%{tid}P|%%",
    "1431849903123456|192.0.2.1|www.b.com|200|301|0|+|text/html|W/1|de|abc|-|7|41|%",
    {
        "event_timestamp": UTC.replace(microsecond=123_456),
        "subsecond_clock": True,
        "hostname": "www.b.com",
        "status": 200,
        "ip": "192.0.2.1",
    },
    {
        "bytes": "0",
        "connection_status": "+",
        "cookie_lang": "de",
        "env_unique_id": "abc",
        "http_accept": "text/html",
        "original_status": "301",
        "request_time_ms": "7",
        "sent_http_etag": "W/1",
        "tid": "41",
    },
)
AS_JSON = Case(
    'escape=json {"t":"$msec","ip":"$remote_addr","r":"$scheme://$host$request_uri","s":$status,"ua":"$http_user_agent"}',
    '{"t":"1431849903.123","ip":"192.0.2.1","r":"https://www.b.com/x?y","s":404,"ua":"a \\"b\\" \\u00e9"}',
    {
        "event_timestamp": UTC.replace(microsecond=123_000),
        "subsecond_clock": True,
        "hostname": "www.b.com",
        "url": "/x?y",
        "status": 404,
        "ip": "192.0.2.1",
        "user_agent": 'a "b" é',
    },
    {"scheme": "https"},
)
BARE_AGENT = Case(
    "$time_iso8601 $remote_addr $http_user_agent $request_time $uri$is_args$args $status $server_name",
    "2015-05-17T10:05:03+02:00 192.0.2.1 Mozilla/5.0 (X 1; y) 0.100 /a?b=c 304 _",
    {
        "event_timestamp": UTC,
        "hostname": "www.default.com",
        "url": "/a?b=c",
        "status": 304,
        "ip": "192.0.2.1",
        "user_agent": "Mozilla/5.0 (X 1; y)",
    },
    {"request_time": "0.100"},
)
NO_ARGUMENTS = replace(
    BARE_AGENT,
    line=BARE_AGENT.line.replace("/a?b=c", "/checkout/complete"),
    columns={**BARE_AGENT.columns, "url": "/checkout/complete"},
)
DASHED_ARGUMENTS = replace(
    BARE_AGENT, line=BARE_AGENT.line.replace("/a?b=c", "/a-"), columns={**BARE_AGENT.columns, "url": "/a"}
)
MODULES = Case(
    "%t %h %>s %{SSL_PROTOCOL}x %{HTTPS}x %^FB",
    f"[{AT}] 192.0.2.1 200 TLSv1.3 on 1204",
    {"event_timestamp": UTC, "hostname": "www.default.com", "status": 200, "ip": "192.0.2.1"},
    {"ssl_protocol": "TLSv1.3", "ssl_https": "on", "first_byte_us": "1204"},
)
TRAILING = Case(
    "%{%Y-%m-%d}t\t%h\t%{%I:%M:%S %p}t\t%>s\t%{Referer}i",
    "2015-05-17\t192.0.2.1\t10:05:03 PM\t200\thttps://x.com/a b",
    {
        "event_timestamp": dt.datetime(2015, 5, 17, 20, 5, 3),
        "hostname": "www.default.com",
        "status": 200,
        "ip": "192.0.2.1",
        "referrer": "https://x.com/a b",
    },
    {},
)
FINEST = Case(
    r"$remote_addr [$time_local] $msec\t\"$request\" $status $line_number $client",
    f'192.0.2.1 [{AT}] 1431849903.999\t"GET / HTTP/1.1" 200 7 app',
    {
        "event_timestamp": UTC.replace(microsecond=999_000),
        "subsecond_clock": True,
        "hostname": "www.default.com",
        "method": "GET",
        "url": "/",
        "status": 200,
        "ip": "192.0.2.1",
    },
    {"client": "app", "line_number#2": "7", "protocol": "HTTP/1.1", "time_local": AT},
)
CASES = [
    FINEST,
    NGINX_MAIN,
    DEBIAN_VHOST,
    BY_PARTS,
    EVERY_NAME,
    AS_JSON,
    BARE_AGENT,
    NO_ARGUMENTS,
    DASHED_ARGUMENTS,
    MODULES,
    TRAILING,
]


def read(read_bytes, case, *lines):
    return read_bytes("\n".join(lines).encode(), log_format=case.log_format, utc_offset="+02:00")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.log_format[:20])
def test_every_column(read_bytes, case):
    whole = read(read_bytes, case, case.line, "broken", case.line + "\r")
    assert whole.format == "log_format"
    assert whole.rejected == [{"line_number": 2, "reason": "not_a_log_line", "text": "broken"}]
    first, second = whole.events
    assert (first.pop("line_number"), second.pop("line_number")) == (1, 3)
    assert first == second
    other = case.other | {"status": str(case.columns["status"])}
    if "method" in case.columns:
        other["method"] = case.columns["method"]
    assert first.pop("other_properties") == sorted(other.items())
    said = {name: value for name, value in first.items() if value is not None}
    assert said == {"subsecond_clock": False} | case.columns


@pytest.mark.parametrize(
    ("case", "old", "new", "reason"),
    [
        (NGINX_MAIN, AT, "31/Feb/2015:10:05:03 +0200", "bad_time"),
        (NGINX_MAIN, AT, "-", "no_time"),
        (NGINX_MAIN, '"www.b.com"', "www.b.com", "not_a_log_line"),
        (BY_PARTS, "17/May", "17/Mai", "bad_time"),
        (BY_PARTS, "17/May", "7/May", "not_a_log_line"),
        (EVERY_NAME, "1431849903123456", "14318499031234567890", "not_a_log_line"),
        (EVERY_NAME, "1431849903123456", "999999999999123456", "bad_time"),
        (AS_JSON, "1431849903.123", "1431849903", "not_a_log_line"),
        (BARE_AGENT, "2015-05-17T10", "2015-05-17T30", "bad_time"),
        (BARE_AGENT, "304", "a", "not_a_log_line"),
    ],
)
def test_planted_bad_lines(read_bytes, case, old, new, reason):
    assert old in case.line
    bad = case.line.replace(old, new)
    whole = read(read_bytes, case, case.line, bad)
    assert whole.rejected == [{"line_number": 2, "reason": reason, "text": bad}]


def test_a_time_without_offset_takes_the_sources(read_bytes):
    (event,) = read(read_bytes, TRAILING, TRAILING.line).events
    assert event["event_timestamp"] == dt.datetime(2015, 5, 17, 20, 5, 3)
    without = read_bytes(TRAILING.line.encode(), log_format=TRAILING.log_format)
    assert without.reasons == [(1, "time_without_offset")]


@pytest.mark.parametrize(
    ("log_format", "says"),
    [
        ("%h %>s", "no time: a line must say its date and time"),
        ("%h %{%H:%M:%S}t %>s", "no time: "),
        ("$remote_addr $status", "no time: "),
        ("%h %t", "no status: %>s or $status"),
        ("%t %y %>s", "unknown directive %y"),
        ("%t %{x}P %>s", "unknown directive %{x}P"),
        ("%{%d/%Q}t %>s", "unknown time conversion %Q in %{%d/%Q}t"),
        ("%t %h%u %>s", "%h and %u stand side by side"),
        ("$time_local $remote_addr${remote_user} $status", "$remote_addr and ${remote_user} stand side by side"),
        ("%t %>s %", "a % with nothing after it"),
        ("%t %>s '\n'%h", "a line break: join"),
        ('LogFormat "%h" main', "give only the text between the quotes, without LogFormat and the name"),
    ],
)
def test_a_string_that_cannot_be_meant_is_named(tmp_path, log_format, says):
    (tmp_path / "site.toml").write_text(f"[[sources]]\nname = 'shop'\nlog_format = '''{log_format}'''\n")
    with pytest.raises(settings.SettingsError) as error:
        settings.load(tmp_path)
    assert f"{tmp_path / 'site.toml'}: sources.0.log_format: {says}" in str(error.value)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"format": "log_format"}, 'format "log_format" needs a log_format'),
        ({"format": "combined", "log_format": "%t %>s"}, 'log_format is set, and format is "combined"'),
    ],
)
def test_the_string_and_the_format_go_together(values, says):
    with pytest.raises(ValueError, match=says):
        Source(name="shop", **values)
    assert Source(name="shop", log_format="%t %>s").format == "log_format"


def test_the_readmes_example_is_understood(read_bytes):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (log_format,) = re.findall(r"^ {4}log_format = '(.*)'$", readme, re.MULTILINE)
    line = NGINX_MAIN.line.replace("0.001 0.1, 0.2 ", "").replace("443 https", "0.001")
    (event,) = read_bytes(line.encode(), log_format=log_format).events
    assert {name: event[name] for name in NGINX_MAIN.columns} == NGINX_MAIN.columns
    assert dict(event["other_properties"])["request_time"] == "0.001"


# The oracle: another way to find the fields, by a shell's rules for words. It knows no line with a lone quote or
# a backslash outside quotes, so those are left to the hand-written lines.


@pytest.mark.parametrize("name", ["apache_combined/access.log", "nginx_combined/access.log"])
def test_real_logs_by_their_format_string_against_the_oracle(read_path, shared, name):
    path = shared / "real" / name
    log_format = (
        '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
        '"$http_user_agent"'
    )
    whole = read_path(path, log_format=log_format)
    assert whole.lines == len(whole.events) + len(whole.rejected)
    by_line = {event["line_number"]: event for event in whole.events}
    compared = 0
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        if "\\" in text or text.count('"') != 6:
            continue
        words = shlex.split(text)
        ip, dash, user, clock, offset, request, status, size, referrer, agent = words
        event, other = by_line[number], dict(by_line[number]["other_properties"])
        compared += 1
        moment = dt.datetime.strptime(f"{clock} {offset}", "[%d/%b/%Y:%H:%M:%S %z]").astimezone(dt.UTC)
        assert (dash, event["event_timestamp"]) == ("-", moment.replace(tzinfo=None))
        assert (event["ip"], event["status"], event["user_agent"]) == (ip, int(status), agent)
        assert (event["referrer"] or "-", other.get("bytes", "-"), other.get("remote_user", "-")) == (
            referrer, size, user,
        )  # fmt: skip
        shape = re.fullmatch(r"(\S+) (.+) HTTP/[0-9.]+", request)
        assert (event["method"], event["url"]) == (shape.groups() if shape else (None, None))
    assert compared > 0.95 * whole.lines
