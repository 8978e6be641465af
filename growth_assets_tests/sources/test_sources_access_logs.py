"""Access logs: hand-written lines, and real logs against an oracle in plain Python."""

# ruff: noqa: DTZ001 - times are naive UTC

import datetime as dt
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

AT = "[17/May/2015:10:05:03 +0200]"
REQUEST = '"GET /a?b=1 HTTP/1.1"'
LINE = f'1.2.3.4 - - {AT} {REQUEST} 200 12 "https://x.com/" "agent"'
USUAL = [("bytes", "12"), ("method", "GET"), ("protocol", "HTTP/1.1"), ("status", "200")]


def one(read_bytes, line, **options):
    whole = read_bytes(line.encode() + b"\n", **{"format": "combined", **options})
    assert whole.rejected == []
    return whole.events[0]


def test_every_column_of_a_combined_line(read_bytes):
    assert one(read_bytes, LINE, format="auto") == {
        "event_id": None,
        "event_timestamp": dt.datetime(2015, 5, 17, 8, 5, 3),
        "subsecond_clock": False,
        "hostname": "www.default.com",
        "action_type": None,
        "event_name": None,
        "method": "GET",
        "url": "/a?b=1",
        "status": 200,
        "referrer": "https://x.com/",
        "ip": "1.2.3.4",
        "forwarded_for": None,
        "user_agent": "agent",
        "user_id": None,
        "other_properties": USUAL,
        "line_number": 1,
    }


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        (
            f'::1 - jo {AT} {REQUEST} 200 12 "-" "-"',
            {
                "ip": "::1",
                "referrer": None,
                "user_agent": "-",
                "other_properties": [*USUAL[:3], ("remote_user", "jo"), USUAL[3]],
            },
        ),
        (
            f'1.2.3.4 id jo doe {AT} {REQUEST} 200 - "" ""',
            {
                "referrer": None,
                "user_agent": "-",
                "other_properties": [("ident", "id"), *USUAL[1:3], ("remote_user", "jo doe"), USUAL[3]],
            },
        ),
        (
            f'1.2.3.4 - - {AT} "-" 408 - "-" "agent"',
            {
                "method": None,
                "url": None,
                "status": 408,
                "referrer": None,
                "other_properties": [("status", "408"), ("request", "-")],
            },
        ),
        (
            f'1.2.3.4 - - {AT} "\\x16\\x03\\x01" 400 12 "-" "agent"',
            {
                "method": None,
                "url": None,
                "status": 400,
                "referrer": None,
                "other_properties": [("bytes", "12"), ("status", "400"), ("request", "\\x16\\x03\\x01")],
            },
        ),
        (f'1.2.3.4 - - {AT} "GET /a b HTTP/1.1" 200 12 "https://x.com/" "agent"', {"url": "/a b"}),
        (
            f'1.2.3.4 - - {AT} {REQUEST} 200 12 "https://x.com/" "a \\"b\\" \\\\ \\xe9"',
            {"user_agent": 'a "b" \\ \\xe9'},
        ),
        (f'1.2.3.4 - - {AT} "GET /\\"q\\" HTTP/1.1" 200 12 "https://x.com/" "agent"', {"url": '/"q"'}),
        (LINE.replace("+0200", "-0330"), {"event_timestamp": dt.datetime(2015, 5, 17, 13, 35, 3)}),
    ],
)
def test_what_differs_from_the_usual_line(read_bytes, line, changed):
    assert one(read_bytes, line) == one(read_bytes, LINE) | changed


@pytest.mark.parametrize(
    ("prefix", "hostname", "port"),
    [
        ("www.b.com:443", "www.b.com", [("server_port", "443")]),
        ("www.b.com", "www.b.com", []),
        ("-:80", "www.default.com", [("server_port", "80")]),
    ],
)
def test_the_virtual_host_is_the_hostname(read_bytes, prefix, hostname, port):
    event = one(read_bytes, f"{prefix} {LINE}", format="auto")
    assert (event["hostname"], event["ip"]) == (hostname, "1.2.3.4")
    assert event["other_properties"] == sorted(USUAL + port)


def test_common_has_neither_referrer_nor_agent(read_bytes):
    event = one(read_bytes, f"1.2.3.4 - - {AT} {REQUEST} 200 12", format="auto")
    assert (event["referrer"], event["user_agent"], event["url"]) == (None, None, "/a?b=1")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "blank_line"),
        ("Error line 1", "not_a_log_line"),
        (LINE + " 0.003", "not_a_log_line"),
        (LINE[:-1], "not_a_log_line"),
        (LINE.replace("17/May", "31/Feb"), "bad_time"),
        (LINE.replace(":03 ", ":60 "), "bad_time"),
        (LINE.replace("May", "Mai"), "bad_time"),
        (LINE.replace(" +0200", ""), "time_without_offset"),
        (LINE.replace("2015", "0000"), "bad_time"),
        (LINE.replace("+0200", "+2500"), "bad_time"),
    ],
)
def test_a_bad_line_is_rejected_alone(read_bytes, line, reason):
    whole = read_bytes("\n".join([LINE, line, LINE]).encode(), format="combined")
    assert whole.rejected == [{"line_number": 2, "reason": reason, "text": line}]
    assert [event["line_number"] for event in whole.events] == [1, 3]


def test_a_time_without_offset_takes_the_sources(read_bytes):
    event = one(read_bytes, LINE.replace(" +0200", ""), utc_offset="-01:00")
    assert event["event_timestamp"] == dt.datetime(2015, 5, 17, 11, 5, 3)


def test_bytes_outside_the_encoding_are_kept_and_counted(read_bytes):
    data = LINE.replace("agent", "caf\xe9\xff").encode("latin-1")
    (event,) = read_bytes(data, format="combined").events
    assert event["user_agent"] == "caf\\xe9\\xff"
    assert event["other_properties"] == [*USUAL, ("undecodable_bytes", "2")]
    (event,) = read_bytes(data, format="combined", encoding="latin-1").events
    assert (event["user_agent"], event["other_properties"]) == ("caf\xe9\xff", USUAL)


def test_a_hostile_line_takes_no_longer_than_a_long_one(read_bytes):
    hostile = ["1 - " + " [" * 300_000, "1 - - " + AT + ' "' + "\\" * 300_001, "1 - " + '"' * 500_000]
    assert [reason for _, reason in read_bytes("\n".join(hostile).encode(), format="combined").reasons] == (
        ["not_a_log_line"] * 3
    )


# The oracle: another way to find the fields, by splitting at quotes; and strptime for the time.
SPLIT = re.compile(r'"((?:\\.|[^"\\])*)"')


def as_sent(text):
    """Without the escapes of either server, but for those of control characters and broken UTF-8."""
    text = text.replace('\\"', '"')
    bare = text.encode("latin-1", "replace").decode("unicode_escape") if "\\x" in text else text
    try:
        bare = bare.encode("latin-1").decode("utf-8") if "\\x" in text else text
    except UnicodeError:
        return text
    return bare if bare.isprintable() else text


def oracle(line):
    """Fields of a combined line, or None."""
    quoted = SPLIT.findall(line)
    shape = SPLIT.sub("Q", line)
    parts = shape.split(" ")
    if len(quoted) != 3 or len(parts) != 10 or shape.count("Q") < 3 or parts[5] != "Q" or parts[8:] != ["Q", "Q"]:
        return None
    ip, ident, user, clock, offset, _, status, size, _, _ = parts
    if not ip.isascii() or not ip.isprintable():
        return None
    request, referrer, agent = quoted
    other = {"ident": ident, "remote_user": user, "status": status, "bytes": size}
    words = request.split(" ")
    method = url = None
    if len(words) >= 3 and words[-1].startswith("HTTP/"):
        method, url = words[0], as_sent(" ".join(words[1:-1]))
        other |= {"method": method, "protocol": words[-1]}
    else:
        other["request"] = request
    plain = [as_sent(text) for text in (referrer, agent)]
    moment = dt.datetime.strptime(f"{clock} {offset}", "[%d/%b/%Y:%H:%M:%S %z]")
    return {
        "event_timestamp": moment.astimezone(dt.UTC).replace(tzinfo=None),
        "ip": ip,
        "method": method,
        "url": url,
        "status": int(status),
        "referrer": None if plain[0] in {"-", ""} else plain[0],
        "user_agent": plain[1] or "-",
        "other_properties": {name: value for name, value in other.items() if value != "-" or name == "request"},
    }


@pytest.mark.parametrize(
    ("name", "lines", "rejected"),
    [
        ("apache_combined/access.log", 10_000, 1),
        ("nginx_combined/access.log", 1_000, 0),
        ("apache_broken/combined_with_errors.log", 889, 4),
        ("apache_broken/combined_latin1_enc.log", 200, 31),
    ],
)
def test_real_logs_against_the_oracle(read_path, shared, name, lines, rejected):
    path = shared / "real" / name
    # The last lines of the latin-1 log are bytes of a packed file.
    whole = read_path(path, encoding="latin-1", chunk_bytes=300_000)
    assert (whole.format, whole.lines, len(whole.rejected)) == ("combined", lines, rejected)
    texts = path.read_bytes().decode("latin-1").split("\n")
    by_line = {event["line_number"]: event for event in whole.events}
    for number, text in enumerate(texts[:lines], start=1):
        expected = oracle(text)
        assert (expected is None) == (number not in by_line), f"line {number}"
        if expected:
            event = by_line[number] | {"other_properties": dict(by_line[number]["other_properties"])}
            assert {key: event[key] for key in expected} == expected, f"line {number}"


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12)


@given(agent=TEXT, target=TEXT, referrer=TEXT)
@settings(max_examples=40, deadline=None)
def test_what_a_server_escapes_comes_back(read_bytes, agent, target, referrer):
    def escaped(text):
        return text.replace("\\", "\\\\").replace('"', '\\"')

    line = f'1.2.3.4 - - {AT} "GET /{escaped(target)} HTTP/1.1" 200 12 "{escaped(referrer)}" "{escaped(agent)}"'
    event = one(read_bytes, line)
    assert event["url"] == "/" + target
    assert event["user_agent"] == (agent or "-")
    assert event["referrer"] == (None if referrer in {"", "-"} else referrer)
