"""NDJSON: hand-written lines with hand-written answers, and generated objects against json.loads."""

# ruff: noqa: DTZ001 - times are naive UTC

import datetime as dt
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.contracts.columns import RECEIVED
from growth_assets.sources import native
from growth_assets.sources.format import Context
from growth_assets.sources.json_values import Object, from_json
from growth_assets.sources.reasons import Reason

AT = '"event_time":"2026-05-17T10:05:03Z"'
SCALARS = ["event_id", "hostname", "action_type", "url", "referrer", "ip", "user_agent", "user_id"]


def only(read_bytes, line, **options):
    whole = read_bytes(line.encode() + b"\n", format="ndjson", **options)
    assert whole.rejected == []
    (event,) = whole.events
    return event


def test_every_column_of_a_full_event(read_bytes):
    line = (
        '{"event_id":"e1","event_time":"2026-05-17T12:05:03.25+02:00","hostname":"www.xx.com","action_type":"signup",'
        '"url":"https://www.xx.com/a?b=1","referrer":"https://lnkd.in/x","ip":"93.184.216.34",'
        '"user_agent":"Mozilla/5.0","user_id":42,"properties":{"plan":"pro","n":3,"ok":true,"none":null},"zone":"eu"}'
    )
    assert only(read_bytes, line) == {
        "event_id": "e1",
        "event_timestamp": dt.datetime(2026, 5, 17, 10, 5, 3, 250_000),
        "subsecond_clock": True,
        "hostname": "www.xx.com",
        "action_type": "signup",
        "event_name": None,
        "method": None,
        "url": "https://www.xx.com/a?b=1",
        "status": None,
        "referrer": "https://lnkd.in/x",
        "ip": "93.184.216.34",
        "forwarded_for": None,
        "user_agent": "Mozilla/5.0",
        "user_id": "42",
        "other_properties": [("plan", "pro"), ("n", "3"), ("ok", "true"), ("none", None), ("zone", "eu")],
        "line_number": 1,
    }


def test_what_is_not_said_is_null_and_the_host_is_the_sources(read_bytes):
    event = only(read_bytes, "{" + AT + ',"user_id":null,"url":"","hostname":""}')
    assert event["hostname"] == "www.default.com"
    assert event["other_properties"] == []
    assert [event[name] for name in SCALARS if name != "hostname"] == [None] * 7


@pytest.mark.parametrize(
    ("rest", "other"),
    [
        ('"b":1,"a":2', [("a", "2"), ("b", "1")]),
        ('"a":null', []),
        ('"a":""', [("a", "")]),
        ('"a":{"x":[1, 2.50]}', [("a", '{"x": [1, 2.50]}')]),
        ('"properties":{"a":[1,{"b":null}]}', [("a", '[1, {"b": null}]')]),
        ('"properties":{"a":1},"a":2', [("a", "1"), ("a#2", "2")]),
        ('"properties":{"a":1,"a":2},"a":3', [("a", "1"), ("a#2", "2"), ("a#3", "3")]),
        ('"properties":"{\\"a\\":1}"', [("a", "1")]),
        ('"properties":"text"', [("properties", "text")]),
        ('"properties":[1]', [("properties", "[1]")]),
        ('"properties":7', [("properties", "7")]),
        ('"properties":null', []),
        (
            '"properties":{"a":1.50,"b":1e3,"c":12345678901234567890.5}',
            [("a", "1.50"), ("b", "1e3"), ("c", "12345678901234567890.5")],
        ),
        ('"properties":{"a":"\\ud800"}', [("a", "\\ud800")]),
        ('"properties":{"a":"\\ud83d\\ude00 \\u0000"}', [("a", "\U0001f600 \x00")]),
        ('"properties" :{"a":1},"b" :2', [("a", "1"), ("b", "2")]),
        ('"properties":{"a":"\\u0022:"},"b":1', [("a", '":'), ("b", "1")]),
        ('"properties":{"user_id":null},"b":1', [("user_id", None), ("b", "1")]),
        ('"properties":{"x":"\\":\\":"},"b":1', [("x", '":":'), ("b", "1")]),
        ('"":"empty name"', [("", "empty name")]),
        (
            '"line_number":9,"status":200,"event_timestamp":1',
            [("event_timestamp", "1"), ("line_number", "9"), ("status", "200")],
        ),
    ],
)
def test_other_properties(read_bytes, rest, other):
    assert only(read_bytes, "{" + AT + "," + rest + "}")["other_properties"] == other


def test_of_a_key_given_twice_the_first_counts_and_the_second_is_kept(read_bytes):
    event = only(read_bytes, "{" + AT + ',"ip":"1.1.1.1","ip":"2.2.2.2"}')
    assert (event["ip"], event["other_properties"]) == ("1.1.1.1", [("ip", "2.2.2.2")])


def test_more_than_32_properties_keep_their_order(read_bytes):
    names = [f"p{number}" for number in range(100)]
    properties = json.dumps(dict.fromkeys(names, "x"))
    event = only(read_bytes, "{" + AT + ',"properties":' + properties + "}")
    assert [name for name, _ in event["other_properties"]] == names


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "blank_line"),
        (" \t", "blank_line"),
        ("{", "not_json"),
        ("oops", "not_json"),
        ("[" * 100_000, "not_json"),
        ("{" + AT + ',"a":NaN}', "not_json"),
        ("{" + AT + ",}", "not_json"),
        ("{" + AT + "}{" + AT + "}", "not_json"),
        ("[1]", "not_an_object"),
        ("null", "not_an_object"),
        ('"x"', "not_an_object"),
        ("{}", "no_time"),
        ('{"event_time":null}', "no_time"),
        ('{"event_time":""}', "no_time"),
        ('{"event_time":1700000000}', "bad_time"),
        ('{"event_time":"yesterday"}', "bad_time"),
        ('{"event_time":"2026-02-30T00:00:00Z"}', "bad_time"),
        ('{"event_time":"2026-05-17T10:05:03"}', "time_without_offset"),
        ('{"event_time":{"a":1}}', "bad_time"),
    ],
)
def test_a_bad_line_between_good_ones_is_rejected_alone(read_bytes, line, reason):
    good = "{" + AT + "}"
    whole = read_bytes("\n".join([good, line, good]).encode(), format="ndjson")
    assert whole.rejected == [{"line_number": 2, "reason": reason, "text": line[:1000]}]
    assert [event["line_number"] for event in whole.events] == [1, 3]


def test_bytes_that_are_not_utf8_are_rejected_and_shown(read_bytes):
    whole = read_bytes(b"{" + AT.encode() + b',"a":"\xff\xc3"}\n{' + AT.encode() + b"}", format="ndjson")
    assert whole.reasons == [(1, "not_utf8")]
    assert whole.rejected[0]["text"].endswith('"a":"\\xff\\xc3"}')
    assert len(whole.events) == 1


def test_latin_1_is_decoded_when_the_source_says_so(read_bytes):
    line = "{" + AT + ',"a":"é"}'
    whole = read_bytes(line.encode("latin-1"), format="ndjson", encoding="latin-1")
    assert whole.events[0]["other_properties"] == [("a", "é")]


def test_byte_order_mark_and_windows_line_ends(read_bytes):
    good = ("{" + AT + "}").encode()
    whole = read_bytes(b"\xef\xbb\xbf" + good + b"\r\n" + good + b"\r\n")
    assert (len(whole.events), whole.rejected, whole.format) == (2, [], "ndjson")


def test_one_broken_line_in_a_thousand_costs_no_other(read_bytes):
    lines = [json.dumps({"event_time": "2026-05-17T10:05:03Z", "ip": f"1.1.1.{i % 250}", "n": i}) for i in range(5000)]
    lines[17] = lines[17][:-1]
    lines[2500] = '{"event_time":"2026-05-17T10:05:03Z","a":1,}'  # DuckDB takes this for valid, Polars does not
    lines[4999] = "{" + "x" * 2000
    whole = read_bytes("\n".join(lines).encode())
    assert whole.reasons == [(18, "not_json"), (2501, "not_json"), (5000, "not_json")]
    assert [(event["ip"], event["other_properties"]) for event in whole.events] == [
        (f"1.1.1.{i % 250}", [("n", str(i))]) for i in range(5000) if i not in {17, 2500, 4999}
    ]
    assert [len(row["text"]) for row in whole.rejected][-1] == 1000


HIDING = [
    '"b":1', '"b":"x"', '"b":""', '"b":null', '"b":true', '"b":["x"]', '"b":{"a":"x"}', '"b" :1', '"b": 1', '"b":\t1',
    '"":"x"', '"a:":"x"', '"a,":"x"', '"ip":":x"', '"ip":":"', '"ip":null', '"ip":1e20', '"ip":-0', '"ip":1.50',
    '"url":"{\\"b\\":1}"', '"url":"{}"', '"url":"\\\\"', '"url":"\\u0022:"', '"url":[":"]', '"url" :"x"',
    '"properties":{}', '"properties":{"p":null}', '"properties":{"p":null,"p":"x"}', '"properties":{"p":{"b":"x"}}',
    '"properties":{"properties":{}}', '"properties":{"p":["b"]}', '"properties":{"p":1.50}', '"properties":null',
    '"properties":{"p" :"x"}', '"properties":{"ip":"x"}', '"properties":"{\\u0022a\\u0022:1}"',
    '"properties":"{\\"a\\"\\u003a1}"', '"properties":"{\\"a\\"\\t:1}"', '"properties":"{}"',
    '"z":{"properties":{"a":"b"}}',
    '"ip":{"b":"x"}',
    '"ip":{"b":null}',
    '"ip":{}',
    '"user_id" :5,"ip":":","b" :1',
]  # fmt: skip
"""Ways to give a key so that whoever counts keys may count too few or too many; two of them may make up for each other.
"""


def test_no_key_is_lost_among_others_that_are_miscounted(read_bytes):
    lines = ["{" + AT + "}"] * 250  # no unknown key is learned of these
    lines += ["{" + AT + f",{one},{other}" + "}" for one in HIDING for other in HIDING]
    whole = read_bytes("\n".join(lines).encode(), format="ndjson")
    assert whole.rejected == []
    context = Context("", "www.default.com")
    for number, (line, event) in enumerate(zip(lines, whole.events, strict=True), start=1):
        expected = dict(zip(RECEIVED, native.event(from_json(line), context, number), strict=True))
        assert event == expected | {"other_properties": list(expected["other_properties"].items())}, line


def exactly(line, number):
    """What one line comes to when it is read for itself: the event, or why it is none."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    if not text.strip():
        return "blank_line"
    try:
        record = from_json(text)
    except ValueError:
        return "not_json"
    if not isinstance(record, Object):
        return "not_an_object"
    event = native.event(record, Context("", "www.default.com"), number)
    if isinstance(event, Reason):
        return str(event)
    event = dict(zip(RECEIVED, event, strict=True))
    return event | {"other_properties": list(event["other_properties"].items())}


def all_exactly(read_bytes, lines, **options):
    whole = read_bytes(b"\n".join(lines) + b"\n", format="ndjson", **options)
    found = {event["line_number"]: event for event in whole.events} | dict(whole.reasons)
    assert len(found) == len(whole.events) + len(whole.reasons) == len(lines)
    for number, line in enumerate(lines, start=1):
        assert found[number] == exactly(line, number), line


ALIKE = (
    '{"event_id":"e%d","event_time":"2026-05-17T10:05:%02dZ","user_id":%d,"ip":null,"url":"","referrer":"ü%s",'
    '"properties":{"n":-1.50e3,"p":null,"a":"%s","q": true},"zone":"eu","b":%d,"a":false}'
)
HARM = [
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b",",
    b":",
    b" ",
    b"\t",
    b"\r",
    b"\x01",
    b"\xff",
    b"0",
    b"-",
    b"e",
    b"n",
    b"x",
    b"",
]


def test_any_byte_in_which_a_line_differs_from_others_is_seen(read_bytes):
    alike = [(ALIKE % (n, n % 60, n * 7, "x" * (n % 9), "y" * (n % 5), n)).encode() for n in range(40)]
    line = alike[11]
    harmed = [line[:at] + harm + line[at + 1 :] for at in range(len(line)) for harm in HARM]
    swapped = [line.replace(one, other) for one, other in [(b"true", b"null"), (b'"eu"', b"1"), (b"77", b'"77"')]]
    all_exactly(read_bytes, [*alike, *harmed, *swapped, *alike])


def test_lines_of_each_shape_are_read_as_they_are_one_by_one(read_bytes):
    values = [
        "1", "-0", "1.50", "1e400", "01", "1.", ".5", "+1", "NaN", "true", "false", "null", "nul", '""', '"x"', "[]",
        '["x"]', "{}", '{"x":"y"}', '{"x":{}}', '"{}"',
    ]  # fmt: skip
    shapes = [
        f'"{name}"{colon}{value}' for name in ("ip", "zone", "properties") for value in values for colon in (":", " : ")
    ]
    shapes += [f'"properties":{{"zone":{value},"ip":"x"}},"zone":"t%d"' for value in values]
    shapes += ['"zone" : %d , "ip":"x"', '"zone" : , "ip":"x"', '"zone" :  , "ip":"x"']
    shapes += ['"zone":1,"zone":%d', '"ip":"","ip":"%d"', '"properties":{},"properties":{"a":%d}', '"é":"%d"', '"":%d']
    shapes += ['"properties":{"a":%d},"properties":null', '"event_time":"%d"', '"a b":{"c":%d}']
    lines = []
    for shape in shapes:
        for number in range(14):
            rest = shape % number if "%d" in shape else shape
            for line in ("{" + AT + "," + rest + "}", "{" + rest + ", " + AT + "} \r"):
                lines.append(line.encode())
    all_exactly(read_bytes, lines)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ('"user_id":%d,"url":"/x"', '"user_id":"%d","x":1'),
        ('"user_id":%d,"k":5,"url":"/x"', '"user_id":null,"k":%d,"url":"/x"'),
    ],
)
def test_a_shape_of_which_a_later_chunk_has_no_line_harms_none(read_bytes, first, then):
    """They have as many quotes, and differ in what is between them or in their numbers."""
    line = '{"event_time":"2026-05-17T10:05:00Z",%s}'
    for rest in (40, 1):
        lines = [(line % (each % n)).encode() for each, times in ((first, 40), (then, rest)) for n in range(times)]
        all_exactly(read_bytes, lines, chunk_bytes=sum(map(len, lines[:40])) + 40)


def test_lines_among_many_of_one_shape_keep_their_places(read_bytes):
    """The parts are put together in the order of lines, however many there are of each."""
    kinds = [
        '{"event_time":"2026-05-17T10:05:%02dZ","ip":"1.1.1.1","properties":{"b":"x","a":2}}',
        '{"event_time":"2026-05-17T10:05:%02dZ","zone":"eu","properties":{"c":null},"user_id":5}',
        '{"ip":"2.2.2.2","event_time":"2026-05-17T10:05:%02dZ"}',
        '{"ip":"2.2.2.2","event_time":"2026-05-17T10:05:%02d"}',
        '{"event_time":"2026-05-17T10:05:%02dZ","a":"\\u00e9"}',
        '"broken %02d',
    ]
    lines = [(kinds[n * n % 7 % 6] % (n % 60)).encode() for n in range(700)]
    all_exactly(read_bytes, lines)


SIMPLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(float),
)
VALUE = st.recursive(
    SIMPLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
NAME = st.one_of(st.text(max_size=4), st.sampled_from(["ip", "user_id", 'a":b', "properties"]))
OBJECT = st.fixed_dictionaries(
    {"event_time": st.just("2026-05-17T10:05:03Z")},
    optional={
        **dict.fromkeys(SCALARS, SIMPLE),
        "properties": st.dictionaries(NAME, SIMPLE, max_size=4) | st.dictionaries(NAME, VALUE, max_size=3),
        "extra": VALUE,
        "q": SIMPLE,
    },
)


def as_text(value):
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


@given(
    objects=st.lists(OBJECT, min_size=1, max_size=12),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]),
    ascii_only=st.booleans(),
    repeat=st.sampled_from([1, 1, 40]),
)
@settings(max_examples=40, deadline=None)
def test_generated_objects_are_what_json_loads_makes_of_them(read_bytes, objects, separators, ascii_only, repeat):
    lines = [json.dumps(each, separators=separators, ensure_ascii=ascii_only) for each in objects] * repeat
    whole = read_bytes("\n".join(lines).encode(), format="ndjson")
    assert whole.rejected == []
    for line, event in zip(lines, whole.events, strict=True):
        received = json.loads(line)
        for name in SCALARS:
            expected = as_text(received.pop(name, None)) or None
            assert event[name] == (expected or ("www.default.com" if name == "hostname" else None)), name
        other = [(name, as_text(value)) for name, value in received.pop("properties", {}).items()]
        assert received.pop("event_time")
        for name in sorted(received):
            if received[name] is not None:
                taken = name in dict(other)
                other.append((f"{name}#2" if taken else name, as_text(received[name])))
        assert event["other_properties"] == other
        assert event["event_timestamp"] == dt.datetime(2026, 5, 17, 10, 5, 3)


def test_clean_lines_need_no_second_look(read_bytes, monkeypatch):
    looks = []
    exact = native.event

    def counted(pairs, context, number):
        looks.append(number)
        return exact(pairs, context, number)

    monkeypatch.setattr(native, "event", counted)
    lines = [
        json.dumps(
            {
                "event_time": "2026-05-17T10:05:03.1Z",
                "user_id": None if n % 2 else n,
                "zone": "eu",
                "url": f"/a?{n}",
                "properties": {"plan": "pro", "n": n, "price": 19.99},
            },
            separators=(",", ":") if n % 3 else None,
        )
        for n in range(1000)
    ]
    whole = read_bytes("\n".join(lines).encode())
    assert len(whole.events) == 1000
    assert len(looks) <= 1  # the last bytes of a chunk are not compared eight at a time
    assert whole.events[999]["other_properties"][2:] == [("price", "19.99"), ("zone", "eu")]
