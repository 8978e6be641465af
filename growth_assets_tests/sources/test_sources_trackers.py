"""Trackers: each sample is known by its content and read by every column; nothing of a line is lost."""

# ruff: noqa: DTZ001 - times are naive UTC

import datetime as dt
import io
import json

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from growth_assets.sources import records
from growth_assets.sources.errors import SourceError
from growth_assets.sources.snowplow import COLUMNS
from growth_assets.sources.tracked import Tracker
from growth_assets_tests.sources.test_sources_json_logs import SAMPLES as LOGS
from growth_assets_tests.sources.tracker_samples import (
    AGENT,
    AT,
    BROKEN,
    GA4,
    PAGE,
    PLAUSIBLE,
    POSTHOG,
    SAMPLES,
    SEGMENT,
    SNOWPLOW,
    tsv,
)


@pytest.mark.parametrize("name", SAMPLES)
def test_an_event_is_known_and_read_by_every_column(read_bytes, name):
    line, expected = SAMPLES[name]
    whole = read_bytes(line.encode() + b"\r\n")
    assert (whole.format, whole.rejected) == (name, [])
    assert whole.events == [expected]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_broken_line_is_rejected_alone_with_its_reason(read_bytes, name):
    good = SAMPLES[name][0]
    lines = [line for text, _ in BROKEN[name] for line in (good, text)]
    whole = read_bytes("\n".join([*lines, good]).encode() + b"\n\xff\n", format=name)
    numbered = [(2 * number, reason) for number, (_, reason) in enumerate(BROKEN[name], start=1)]
    assert whole.reasons == [*numbered, (len(lines) + 2, "not_utf8")]
    assert [event["line_number"] for event in whole.events] == list(range(1, len(lines) + 2, 2))


def only(read_bytes, record, **options):
    whole = read_bytes((record if isinstance(record, str) else json.dumps(record)).encode(), **options)
    assert whole.rejected == []
    (event,) = whole.events
    return event


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ({"type": "page", "name": "Home"}, "page"),
        ({"type": "screen"}, "screen"),
        ({"type": "identify", "traits": {"plan": "pro"}}, "identify"),
        ({"type": "group", "groupId": "g"}, "group"),
        ({"type": "alias", "previousId": "p"}, "alias"),
        ({"type": "track", "event": "Signed Up"}, "Signed Up"),
        ({"type": "track", "event": ""}, "track"),
    ],
)
def test_calls_of_segment(read_bytes, call, name):
    record = {"messageId": "m", "timestamp": "2026-03-14T10:05:03Z", **call}
    event = only(read_bytes, record)
    assert (event["event_name"], event["other_properties"][0]) == (name, ("event", name))
    said = dict(event["other_properties"])
    assert said.get("traits.plan") == call.get("traits", {}).get("plan")
    assert said.get("name") == call.get("name")


@pytest.mark.parametrize(
    ("user_id", "column", "kept"),
    [
        (42, "42", None),
        ("42", "42", None),
        ("-9223372036854775808", "-9223372036854775808", None),
        ("9223372036854775808", None, "9223372036854775808"),
        ("u_1", None, "u_1"),
        (" 42", None, " 42"),
        (4.5, None, "4.5"),
        ("٤٢", None, "٤٢"),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_user_id_that_is_no_bigint_is_kept_as_text(read_bytes, user_id, column, kept):
    event = only(read_bytes, {**SEGMENT, "userId": user_id})
    assert (event["user_id"], dict(event["other_properties"]).get("user_id")) == (column, kept)


@pytest.mark.parametrize(
    ("columns", "name", "kind"),
    [
        ({"event": "page_view", "event_name": "page_view"}, "page_view", None),
        ({"event": "unstruct", "event_name": "sign_up", "se_action": ""}, "sign_up", "unstruct"),
        ({"event": "struct", "se_action": ""}, "struct", None),
        ({"event": "transaction", "event_name": "transaction"}, "transaction", None),
        ({"event": ""}, None, None),
    ],
)
def test_names_of_snowplow(read_bytes, columns, name, kind):
    event = only(read_bytes, tsv({**SNOWPLOW, **columns}), format="snowplow")
    said = dict(event["other_properties"])
    assert (event["event_name"], said.get("event"), said.get("event_type")) == (name, name, kind)


def test_the_columns_of_snowplow():
    assert len(COLUMNS) == len(set(COLUMNS)) == 131
    places = {0: "app_id", 12: "user_id", 29: "page_url", 58: "unstruct_event", 77: "useragent", 126: "event_name"}
    assert {place: COLUMNS[place] for place in places} == places
    assert COLUMNS[130] == "true_tstamp"


@pytest.mark.parametrize("key", ["event_params", "user_properties"])
@pytest.mark.parametrize(
    "odd", ["text", [1], [{"key": "a"}], [{"key": 1, "value": {}}], [{"key": "a", "value": 1}], {"list": [1]}]
)
def test_parameters_of_ga4_that_are_none_stay_as_they_are(read_bytes, key, odd):
    event = only(read_bytes, {**GA4, key: odd})
    said = dict(event["other_properties"])
    if isinstance(odd, dict):
        assert "[1]" in said.values()
    else:
        assert said[key] == (odd if isinstance(odd, str) else json.dumps(odd))


def test_lists_of_ga4_that_bigquery_wrapped(read_bytes):
    wrapped = {"list": [{"element": each} for each in GA4["event_params"]]}
    assert only(read_bytes, {**GA4, "event_params": wrapped}) == SAMPLES["ga4"][1]


def parquet(rows):
    out = io.BytesIO()
    value = pl.Struct({"string_value": pl.String, "int_value": pl.Int64, "double_value": pl.Float64})
    kept = pl.Struct({"string_value": pl.String, "set_timestamp_micros": pl.Int64})
    schema = {
        "event_date": pl.String,
        "event_timestamp": pl.Int64,
        "event_name": pl.String,
        "event_params": pl.List(pl.Struct({"key": pl.String, "value": value})),
        "user_properties": pl.List(pl.Struct({"key": pl.String, "value": kept})),
        "user_id": pl.String,
        "user_pseudo_id": pl.String,
        "device": pl.Struct(
            {
                "category": pl.String,
                "mobile_brand_name": pl.String,
                "web_info": pl.Struct({"hostname": pl.String}),
                "is_limited_ad_tracking": pl.String,
            }
        ),
        "geo": pl.Struct({"continent": pl.String, "country": pl.String}),
        "items": pl.List(pl.Struct({"item_id": pl.String})),
    }
    pl.DataFrame(rows, schema=schema).write_parquet(out)
    return out.getvalue()


@pytest.mark.parametrize("options", [{}, {"format": "ga4"}, {"format": "parquet"}])
def test_ga4_as_parquet_is_what_its_json_lines_are(read_bytes, options):
    typed = json.loads(json.dumps(GA4))
    typed["event_timestamp"] = int(typed["event_timestamp"])
    for parameter in (*typed["event_params"], *typed["user_properties"]):
        for name in parameter["value"]:
            if name.startswith(("int", "set")) and parameter["value"][name]:
                parameter["value"][name] = int(parameter["value"][name])
    late = {**typed, "event_timestamp": 2**62}
    whole = read_bytes(parquet([typed, late, {**typed, "event_timestamp": None}]), **options)
    assert (whole.format, whole.lines) == ("parquet", 3)
    assert whole.events == [SAMPLES["ga4"][1]]
    assert whole.reasons == [(2, "bad_time"), (3, "no_time")]


def test_parquet_of_neither_kind_is_refused_with_the_remedy(read_bytes):
    out = io.BytesIO()
    pl.DataFrame({"event_timestamp": [1]}).write_parquet(out)
    with pytest.raises(SourceError, match="no column event_time, nor event_timestamp and event_name"):
        read_bytes(out.getvalue())


def test_posthogs_properties_may_be_json_text(read_bytes):
    assert only(read_bytes, {**POSTHOG, "properties": json.dumps(POSTHOG["properties"])}) == SAMPLES["posthog"][1]
    event = only(read_bytes, {**POSTHOG, "properties": "{no json"})
    assert ("properties", "{no json") in event["other_properties"]
    assert dict(event["other_properties"])["anonymous_id"] == "anna@example.com"


def test_the_short_names_of_plausibles_script(read_bytes):
    event = only(read_bytes, {"n": "Signup", "u": PAGE, "d": "xx.com", "r": None, "timestamp": "2026-03-14T10:05:03Z"})
    assert (event["event_name"], event["url"], event["hostname"]) == ("Signup", PAGE, "www.xx.com")
    assert event["other_properties"] == [("event", "Signup"), ("d", "xx.com")]


def test_the_host_is_that_of_the_url_else_what_the_tracker_says_else_the_sources(read_bytes):
    told = {**PLAUSIBLE, "url": "app://home", "domain": "xx.com"}
    assert only(read_bytes, told)["hostname"] == "xx.com"
    assert only(read_bytes, {**told, "url": "HTTPS://user@WWW.xx.com:8443/a"})["hostname"] == "WWW.xx.com:8443"
    screen = {"type": "screen", "messageId": "m", "timestamp": "2026-03-14T10:05:03Z"}
    assert only(read_bytes, screen)["hostname"] == "www.default.com"


def test_what_a_column_holds_is_not_repeated(read_bytes):
    # So that no address or user agent comes past the raw layer under another name.
    properties = {"url": PAGE, "client": "198.51.100.9", "agent": AGENT, "query": "?plan=pro"}
    event = only(read_bytes, {**SEGMENT, "properties": properties})
    assert not {"url", "client", "agent"} & dict(event["other_properties"]).keys()


def test_a_name_given_twice_and_a_name_of_ours_are_kept(read_bytes):
    line = json.dumps(SEGMENT)[:-1] + ', "userId": 7, "anonymous_id": "theirs", "event_type": "x"}'
    event = only(read_bytes, line, format="segment")
    said = dict(event["other_properties"])
    assert (said["user_id"], said["userId"]) == ("u_123", "7")
    assert (said["anonymous_id"], said["anonymous_id#2"], said["event_type"]) == ("a-1", "theirs", "x")


def test_half_a_surrogate_pair_is_shown(read_bytes):
    event = only(read_bytes, json.dumps({**SEGMENT, "extra\ud800": ["\udc00"], "more": "\ud83d\ude00\ud83d"}))
    said = dict(event["other_properties"])
    assert said["extra\\ud800"] == '["\\udc00"]'
    assert said["more"] == "\U0001f600\\ud83d"


SCALAR = st.one_of(
    st.booleans(), st.integers(), st.text(max_size=6), st.decimals(allow_nan=False, allow_infinity=False)
)
TREE = st.recursive(
    st.one_of(st.none(), SCALAR),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
RECORDS = {"segment": SEGMENT, "ga4": GA4, "posthog": POSTHOG, "plausible": PLAUSIBLE}


def scalars(value):
    """Every scalar of a JSON value as text, numbers with their digits."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in scalars(each)]
    if isinstance(value, list):
        return [text for each in value for text in scalars(each)]
    if value is None:
        return []
    return [value if isinstance(value, str) else json.dumps(value)]


def as_json(value):
    """Text of a JSON value; decimals as numbers with all their digits."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{as_json(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_json, value)) + "]"
    return json.dumps(value) if value is None or isinstance(value, bool | str | int) else str(value)


@given(
    name=st.sampled_from(sorted(RECORDS)),
    keys=st.dictionaries(
        st.sampled_from(
            ["properties", "context", "event_params", "props", "geo", "user_id", "userId", "event", "x", "u"]
        )
        | st.text(max_size=3),
        TREE,
        max_size=4,
    ),
)
@settings(max_examples=60, deadline=None)
def test_every_scalar_of_a_record_is_found_in_a_column_or_in_other_properties(read_bytes, name, keys):
    text = as_json({**RECORDS[name], **keys})
    whole = read_bytes(text.encode(), format=name)
    if whole.rejected:
        assert whole.rejected[0]["reason"] in {"no_time", "bad_time"}
        return
    (event,) = whole.events
    columns = [str(value) for value in event.values() if isinstance(value, str | int)]
    other = [value for _, value in event["other_properties"]]
    found = set(columns) | set(other)
    # What lists hold stands in their JSON text, escaped as JSON asks for.
    lists = " ".join(each for each in other if each and each[0] in "[{")
    read = json.loads(text, parse_float=Digits, parse_int=Digits)
    times = {SEGMENT["timestamp"], GA4["event_timestamp"], POSTHOG["timestamp"]}
    for scalar in scalars(read):
        if scalar in times or (name != "ga4" and scalar in PAGE):
            continue  # the event's time, and parts of its URL
        held = scalar in found or json.dumps(scalar, ensure_ascii=False) in lists or scalar in lists
        assert held or scalar == "" or _is_key(read, scalar), (scalar, event)


class Digits(str):
    """A number as it stands."""

    __slots__ = ()


def _is_key(read, scalar):
    """True for the name of one of GA4's parameters, which is a name of other_properties."""
    parameters = read.get("event_params", []), read.get("user_properties", [])
    return any(
        each["key"] == scalar
        for listed in parameters
        if isinstance(listed, list)
        for each in listed
        if isinstance(each, dict) and "key" in each
    )


ODD = st.sampled_from(
    [
        *(
            "",
            "-",
            "_",
            "x",
            "7",
            "u_1",
            "track",
            "page",
            "200",
            "http.log.error",
            "/pricing",
            "?plan=pro",
            PAGE,
            AGENT,
        ),
        *("198.51.100.9", "https://h.xx.com:80/\n", "GET /a?b HTTP/1.1", "14/Mar/2026:10:05:03 +0000"),
        *("2026-03-14T10:05:03Z", "2026-03-14 10:05:03.5", "1773482703123000", "1773482703.123"),
        *(None, True, 0, 7, 99, 2**63, [], {}, ["a"], {"a": 1}),
    ]
)
ALL = {**RECORDS, **{name: record for name, (record, _) in LOGS.items()}}


@st.composite
def files(draw):
    """Records of one tool with odd values, keys left out and keys in another order."""
    name = draw(st.sampled_from(sorted(ALL)))
    record = ALL[name]
    inner = [key for key, value in record.items() if isinstance(value, dict)]
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        odd = draw(
            st.dictionaries(st.sampled_from([*record, "anonymous_id", "event", "uri", "status"]), ODD, max_size=3)
        )
        changed = {
            key: value
            for key, value in {**record, **odd}.items()
            if draw(st.booleans()) or key in odd or draw(st.booleans())
        }
        for key in inner:
            if isinstance(changed.get(key), dict):
                more = draw(st.dictionaries(st.sampled_from([*record[key], "event", "type"]), ODD, max_size=2))
                changed[key] = {**changed[key], **more}
        lines += [json.dumps(changed)] * draw(st.sampled_from([1, 3]))
    return name, "\n".join(lines).encode()


@given(file=files())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_records_of_one_shape_read_together_are_those_read_one_by_one(read_bytes, monkeypatch, file):
    name, data = file
    monkeypatch.setattr(records, "LEAST", 1)
    together = read_bytes(data, format=name)
    monkeypatch.setattr(records, "LEAST", 10**9)
    assert together == read_bytes(data, format=name)


@given(
    changes=st.lists(
        st.dictionaries(
            st.sampled_from(sorted(COLUMNS)),
            st.sampled_from(
                ["", "7", "x", "struct", "unstruct", "198.51.100.9", AGENT, PAGE, "/pricing", "2026-03-14 10:05:03"]
            ),
            max_size=4,
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_columns_of_snowplow_read_together_are_those_read_one_by_one(read_bytes, monkeypatch, changes):
    data = "\n".join(tsv({**SNOWPLOW, **each}) for each in changes for _ in range(2)).encode()
    monkeypatch.setattr(records, "LEAST", 1)
    together = read_bytes(data, format="snowplow")
    monkeypatch.setattr(records, "LEAST", 10**9)
    assert together == read_bytes(data, format="snowplow")


def test_clean_records_of_one_shape_need_no_second_look(read_bytes, monkeypatch):
    looks = []
    exact = Tracker.event
    monkeypatch.setattr(Tracker, "event", lambda *given: looks.append(given) or exact(*given))
    monkeypatch.setattr(records, "MOST_HELD", 150)
    lines = [json.dumps({**SEGMENT, "messageId": f"m{number}", "properties": {"n": number}}) for number in range(300)]
    whole = read_bytes("\n".join([*lines, json.dumps({**SEGMENT, "timestamp": "x"})]).encode(), format="segment")
    assert [event["event_id"] for event in whole.events] == [f"m{number}" for number in range(300)]
    assert whole.reasons == [(301, "bad_time")]
    assert len(looks) == 1


def test_numbers_keep_their_digits(read_bytes):
    line = json.dumps(SEGMENT).replace("49.5", "49.500").replace("1.5}", "1e400}")
    said = dict(only(read_bytes, line)["other_properties"])
    assert (said["total"], said["products"]) == ("49.500", '[{"sku": "s1", "price": 1e400}]')


def test_deep_nesting_is_not_json(read_bytes):
    deep = '{"a":' * 150 + "1" + "}" * 150
    line = json.dumps(SEGMENT)[:-1] + f', "deep": {deep}}}'
    assert read_bytes(line.encode(), format="segment").reasons == [(1, "not_json")]


def test_times_are_cut_to_microseconds(read_bytes):
    event = only(read_bytes, {**SEGMENT, "timestamp": "2026-03-14T12:05:03.123000999+02:00"})
    assert event["event_timestamp"] == AT
    whole = {**PLAUSIBLE, "timestamp": "2026-03-14T10:05:03Z"}
    assert (only(read_bytes, whole)["event_timestamp"], only(read_bytes, whole)["subsecond_clock"]) == (
        dt.datetime(2026, 3, 14, 10, 5, 3),
        False,
    )
