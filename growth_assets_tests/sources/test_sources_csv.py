"""CSV: quotes, line breaks inside them, ragged records; generated tables against the csv module."""

# ruff: noqa: DTZ001 - times are naive UTC

import csv
import datetime as dt
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.sources.errors import SourceError

T = "2026-05-17T10:05:03Z"


def test_every_column_and_unknown_ones(read_bytes):
    data = (
        "event_id,event_time,hostname,action_type,url,referrer,ip,user_agent,user_id,properties,zone,empty\n"
        'e1,2026-05-17 12:05:03.5+0200,www.xx.com,signup,/a,,1.2.3.4,"A ""b"", c",'
        '42,"{""plan"":""pro""}",eu,\n'
    )
    whole = read_bytes(data.encode())
    assert (whole.format, whole.lines, whole.rejected) == ("csv", 1, [])
    assert whole.events == [
        {
            "event_id": "e1",
            "event_timestamp": dt.datetime(2026, 5, 17, 10, 5, 3, 500_000),
            "subsecond_clock": True,
            "hostname": "www.xx.com",
            "action_type": "signup",
            "event_name": None,
            "method": None,
            "url": "/a",
            "status": None,
            "referrer": None,
            "ip": "1.2.3.4",
            "forwarded_for": None,
            "user_agent": 'A "b", c',
            "user_id": "42",
            "other_properties": [("plan", "pro"), ("zone", "eu")],
            "line_number": 2,
        }
    ]


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_a_record_may_go_over_lines_and_chunks(read_bytes, size):
    data = f'event_time,x\n{T},"a\nb\n\nc"\n{T},d\n\n{T},"e"'
    whole = read_bytes(data.encode(), chunk_bytes=size)
    assert whole.reasons == [(7, "blank_line")]
    assert [(event["line_number"], event["other_properties"]) for event in whole.events] == [
        (2, [("x", "a\nb\n\nc")]),
        (6, [("x", "d")]),
        (8, [("x", "e")]),
    ]


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_a_stray_quote_costs_one_line(read_bytes, size):
    data = f'event_time,x\n{T},a\n{T},"b\n{T},c\n{T},d"d\n{T},e\n{T},"f'
    whole = read_bytes(data.encode(), chunk_bytes=size)
    assert whole.reasons == [(3, "bad_quotes"), (7, "bad_quotes")]
    assert [dict(event["other_properties"])["x"] for event in whole.events] == ["a", "c", 'd"d', "e"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"{T}", "wrong_field_count"),
        (f"{T},a,b", "wrong_field_count"),
        (f'{T},"a" b', "bad_quotes"),
        (",a", "no_time"),
        ("", "blank_line"),
        ("  ", "blank_line"),
        ("17.5.2026,a", "bad_time"),
        ("2026-05-17T10:05:03,a", "time_without_offset"),
    ],
)
def test_a_bad_record_is_rejected_alone(read_bytes, line, reason):
    whole = read_bytes(f"event_time,x\n{T},a\n{line}\n{T},b\n".encode())
    assert whole.rejected == [{"line_number": 3, "reason": reason, "text": line}]
    assert len(whole.events) == 2


def test_bytes_that_are_not_utf8_are_rejected(read_bytes):
    whole = read_bytes(b"event_time,x\n" + T.encode() + b",\xff\n" + T.encode() + b',"a\n\xff"\n' + T.encode() + b",c")
    assert whole.reasons == [(2, "not_utf8"), (3, "not_utf8")]
    assert len(whole.events) == 1


def test_tab_separated_values_are_the_same_format(read_bytes):
    data = (
        "event_time\tip\tuser_agent\turl\tzone\r\n"
        f'{T}\t192.0.2.1\tA, b; c\t"/a\tb"\t\r\n'
        f"{T}\t192.0.2.1\tshort\r\n"
        f"\t192.0.2.1\tA\t/\teu\r\n"
        f"{T}\t192.0.2.2\tA\t/\teu\r\n"
    )
    whole = read_bytes(data.encode())
    assert (whole.format, whole.reasons) == ("csv", [(3, "wrong_field_count"), (4, "no_time")])
    assert [(each["ip"], each["user_agent"], each["url"], each["other_properties"]) for each in whole.events] == [
        ("192.0.2.1", "A, b; c", "/a\tb", []),
        ("192.0.2.2", "A", "/", [("zone", "eu")]),
    ]


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_windows_line_ends_byte_order_mark_and_other_delimiters(read_bytes, between):
    lines = [["event_time", "ip", "x"], [T, "1.2.3.4", "y"]]
    data = "\ufeff" + "\r\n".join(between.join(line) for line in lines) + "\r\n"
    whole = read_bytes(data.encode())
    assert whole.rejected == []
    assert (whole.events[0]["ip"], whole.events[0]["other_properties"]) == ("1.2.3.4", [("x", "y")])


def test_a_name_given_twice_loses_nothing(read_bytes):
    (event,) = read_bytes(f"event_time,x,ip,x,ip\n{T},a,1,b,2\n".encode()).events
    assert (event["ip"], event["other_properties"]) == ("1", [("ip", "2"), ("x", "a"), ("x#2", "b")])


def test_only_a_header_is_no_line(read_bytes):
    whole = read_bytes(b"event_time,ip\n")
    assert (whole.lines, whole.format) == (0, "csv")


def test_without_event_time_in_the_header_the_file_is_refused(read_bytes):
    with pytest.raises(SourceError, match=r"landed: .*event_time.*format"):
        read_bytes(b"time,ip\n1,2\n", format="csv")


def test_lines_too_long_for_a_record_give_up_its_first_line(read_bytes):
    filler = (f"{T}," + "x" * 100_000 + "\n") * 12
    whole = read_bytes(f'event_time,x\n{T},"open\n{filler}{T},last\n'.encode())
    assert whole.reasons == [(2, "bad_quotes")]
    assert len(whole.events) == 13


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8)


@given(
    rows=st.lists(st.lists(FIELD, min_size=3, max_size=3), min_size=1, max_size=12),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@settings(max_examples=40, deadline=None)
def test_generated_tables_come_back(read_bytes, rows, quoting):
    out = io.StringIO()
    writer = csv.writer(out, quoting=quoting, lineterminator="\n")
    writer.writerow(["event_time", "ip", "x", "properties"])
    writer.writerows([T, *row] for row in rows)
    whole = read_bytes(out.getvalue().encode(), format="csv")
    assert whole.rejected == []
    assert [event["ip"] for event in whole.events] == [row[0] or None for row in rows]
    assert [dict(event["other_properties"]).get("x") for event in whole.events] == [row[1] or None for row in rows]
    for row, event in zip(rows, whole.events, strict=True):
        if row[2] and not row[2].startswith("{"):
            assert dict(event["other_properties"])["properties"] == row[2]
