"""Logs of load balancers, CloudFront, S3, IIS and HAProxy: expectations by hand for made-up lines."""

# ruff: noqa: DTZ001 - times are naive UTC

import datetime as dt

import pytest

from growth_assets.sources.errors import SourceError
from growth_assets_tests.sources import web_log_samples as sample

AT = dt.datetime(2026, 5, 17, 10, 5, 3)


def micro(microsecond):
    return {"event_timestamp": AT.replace(microsecond=microsecond), "subsecond_clock": True}


ALB = (
    {
        **micro(123_456),
        "hostname": "www.example.com",
        "url": "https://www.example.com:443/blog/?a=b",
        "method": "GET",
        "status": 200,
        "ip": "2001:db8::7",
        "user_agent": 'Mozilla/5.0 (X11; Linux x86_64) "q"',
    },
    {
        "actions_executed": "authenticate,forward",
        "bytes_sent": "366",
        "chosen_cert_arn": "arn:aws:acm:us-east-2:1:certificate/1",
        "conn_trace_id": "TID_dab99fc68f49",
        "domain_name": "shop.example.com",
        "elb": "app/shop/50dc6c495c0c9188",
        "matched_rule_priority": "1",
        "protocol": "HTTP/2.0",
        "remote_port": "2817",
        "request_creation_time": "2026-05-17T10:05:03.070000Z",
        "request_length": "34",
        "request_processing_time": "0.000",
        "response_processing_time": "0.000",
        "ssl_cipher": "ECDHE-RSA-AES128-GCM-SHA256",
        "ssl_protocol": "TLSv1.2",
        "target_address": "10.0.0.1:80",
        "target_group_arn": "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/shop/73e2",
        "target_port_list": "10.0.0.1:80",
        "target_processing_time": "0.048",
        "target_status_code": "200",
        "target_status_code_list": "200",
        "trace_id": "Root=1-58337281-1d84f3d73c47ec4e58577259",
        "type": "h2",
    },
)
ALB_FIRST = (
    {
        **micro(500_000),
        "hostname": "www.example.com",
        "url": "http://www.example.com:80/signup",
        "method": "POST",
        "status": 503,
        "ip": "192.0.2.10",
        "user_agent": "curl/7.46.0",
    },
    {
        "bytes_sent": "366",
        "elb": "app/shop/50dc",
        "protocol": "HTTP/1.1",
        "remote_port": "2817",
        "request_length": "34",
        "request_processing_time": "-1",
        "response_processing_time": "-1",
        "target_processing_time": "-1",
        "trace_id": "Root=1-5833",
        "type": "http",
    },
)
ELB = (
    {
        **micro(945_958),
        "hostname": "www.example.com",
        "url": "http://www.example.com:80/",
        "method": "GET",
        "status": 200,
        "ip": "192.0.2.10",
        "user_agent": "curl/7.38.0",
    },
    {
        "backend": "10.0.0.1:80",
        "backend_processing_time": "0.001048",
        "backend_status_code": "200",
        "bytes_sent": "29",
        "elb": "shop",
        "protocol": "HTTP/1.1",
        "remote_port": "2817",
        "request_length": "0",
        "request_processing_time": "0.000073",
        "response_processing_time": "0.000057",
    },
)
S3 = (
    {
        "event_timestamp": AT,
        "hostname": "www.example.com",
        "url": "/blog/index.html?v=2",
        "method": "GET",
        "status": 200,
        "referrer": "https://www.linkedin.com/",
        "ip": "192.0.2.3",
        "user_agent": "Mozilla/5.0 (Test)",
    },
    {
        "bucket": "example-bucket",
        "bucket_owner": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be",
        "bytes_sent": "2048",
        "host_id": "s9lzHYrFp76ZVxRcpX9=",
        "key": "blog/index.html",
        "object_size": "2048",
        "operation": "WEBSITE.GET.OBJECT",
        "protocol": "HTTP/1.1",
        "request_id": "3E57427F3EXAMPLE",
        "ssl_cipher": "ECDHE-RSA-AES128-GCM-SHA256",
        "ssl_protocol": "TLSv1.2",
        "total_time": "7",
        "turn_around_time": "6",
    },
)
S3_FIRST = (
    S3[0] | {"hostname": "www.default.com"},
    {name: value for name, value in S3[1].items() if name not in {"host_id", "ssl_cipher", "ssl_protocol"}},
)
ALB_NO_REQUEST = (
    ALB_FIRST[0] | {"url": None, "method": None},
    {name: value for name, value in ALB_FIRST[1].items() if name != "protocol"},
)
S3_BY_ITSELF = (
    S3[0] | {"url": None, "method": None, "referrer": None, "user_agent": "-", "ip": None},
    {name: value for name, value in S3[1].items() if name != "protocol"}
    | {"operation": "S3.EXPIRE.OBJECT", "requester": "AmazonS3"},
)
HAPROXY = (
    {
        **micro(655_000),
        "hostname": "www.example.com",
        "url": "https://www.example.com/index.html?a",
        "method": "GET",
        "status": 200,
        "ip": "192.0.2.9",
    },
    {
        "backend": "shop/srv1",
        "bytes": "+2750",
        "captured_headers": "{www.example.com|Mozilla/5.0 (X)} {}",
        "connections": "1/1/1/1/0",
        "frontend": "web~",
        "protocol": "HTTP/2.0",
        "queues": "0/0",
        "remote_port": "33317",
        "termination_state": "----",
        "timers": "10/0/30/69/+109",
    },
)
HAPROXY_PLAIN = (
    {**micro(655_000), "hostname": "www.default.com", "status": 400, "ip": "2001:db8::9"},
    {
        "backend": "shop/<NOSRV>",
        "bytes": "187",
        "connections": "1/1/1/1/0",
        "frontend": "web",
        "queues": "0/0",
        "remote_port": "33317",
        "request": "<BADREQ>",
        "syslog": "<134>1 2026-05-17T10:05:03.655+00:00 edge haproxy 14389 - -",
        "termination_state": "PR--",
        "timers": "-1/-1/-1/-1/0",
    },
)
IIS = (
    {
        "event_timestamp": AT,
        "hostname": "www.example.com",
        "url": "/blog/post.aspx?id=7",
        "method": "GET",
        "status": 200,
        "referrer": "https://www.linkedin.com/",
        "ip": "192.0.2.8",
        "forwarded_for": "203.0.113.5, 198.51.100.4",
        "user_agent": "Mozilla/5.0 (Windows NT 10.0)",
    },
    {
        "request_time_ms": "93",
        "sc_substatus": "0",
        "sc_win32_status": "0",
        "server_addr": "10.0.0.4",
        "server_port": "443",
    },
)
CLOUDFRONT = (
    {
        "event_id": "SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==",
        "event_timestamp": AT,
        "hostname": "www.example.com",
        "url": "/café?utm_source=x%26y",
        "method": "GET",
        "status": 200,
        "referrer": "https://www.example.com/a%20b",
        "ip": "2001:db8::a",
        "forwarded_for": "203.0.113.5",
        "user_agent": "Mozilla/5.0 (Macintosh; X)",
    },
    {
        "bytes_sent": "2390",
        "cs_protocol": "https",
        "http_host": "d111111abcdef8.cloudfront.net",
        "protocol": "HTTP/2.0",
        "remote_port": "11040",
        "request_length": "23",
        "request_time": "0.001",
        "sc_content_len": "78",
        "sc_content_type": "text/html",
        "ssl_cipher": "TLS_AES_128_GCM_SHA256",
        "ssl_protocol": "TLSv1.3",
        "time_to_first_byte": "0.001",
        "x_edge_detailed_result_type": "Hit",
        "x_edge_location": "FRA2",
        "x_edge_response_result_type": "Hit",
        "x_edge_result_type": "Hit",
    },
)


@pytest.mark.parametrize(
    ("name", "line", "expected", "more"),
    [
        ("alb", sample.ALB, ALB, {}),
        ("alb", sample.ALB_NEWER, ALB, {"further_fields": '"new host" - 7'}),
        ("alb", sample.ALB_FIRST, ALB_FIRST, {}),
        ("alb", sample.ALB_NO_REQUEST, ALB_NO_REQUEST, {"request": "- http://www.example.com:80- -"}),
        (
            "alb",
            sample.ALB_NO_HOST,
            (ALB_NO_REQUEST[0] | {"hostname": "www.default.com"}, ALB_NO_REQUEST[1]),
            {"request": "- - - "},
        ),
        ("elb", sample.ELB, ELB, {}),
        ("elb", sample.ELB_FIRST, (ELB[0] | {"user_agent": None}, ELB[1]), {}),
        ("s3_access", sample.S3, S3, {}),
        ("s3_access", sample.S3_FIRST, S3_FIRST, {}),
        ("s3_access", sample.S3_BY_ITSELF, S3_BY_ITSELF, {"request": "-"}),
        ("haproxy", sample.HAPROXY, HAPROXY, {}),
        ("haproxy", sample.SYSLOG + sample.HAPROXY, HAPROXY, {"syslog": "May 17 10:05:03 edge haproxy[14389]:"}),
        ("haproxy", sample.SYSLOG_NEW + sample.HAPROXY_PLAIN, HAPROXY_PLAIN, {}),
        ("iis", sample.IIS, IIS, {}),
        ("cloudfront", sample.CLOUDFRONT, CLOUDFRONT, {}),
    ],
)
def test_every_column(read_bytes, name, line, expected, more):
    whole = read_bytes((sample.HEADS.get(name, "") + line).encode(), utc_offset="+00:00")
    assert (whole.format, whole.rejected, whole.lines) == (name, [], 1)
    (event,) = whole.events
    columns, other = expected
    said = {key: value for key, value in event.items() if value is not None and key != "line_number"}
    other = other | more | {"status": str(columns["status"])}
    if columns.get("method"):
        other["method"] = columns["method"]
    assert dict(said.pop("other_properties")) == other
    expected_columns = {"subsecond_clock": False} | columns
    assert said == {key: value for key, value in expected_columns.items() if value is not None}


@pytest.mark.parametrize(
    ("name", "line", "old", "new", "reason"),
    [
        ("alb", sample.ALB, "2026-05-17T10:05:03.123456Z", "2026-02-30T10:05:03.123456Z", "bad_time"),
        ("alb", sample.ALB, "2026-05-17T10:05:03.123456Z", "-", "no_time"),
        ("alb", sample.ALB, ' "Root=1', " Root=1", "not_a_log_line"),
        ("elb", sample.ELB, "03.945958Z", "03.945958", "time_without_offset"),
        ("elb", sample.ELB, " 200 200 ", " OK 200 ", "not_a_log_line"),
        ("s3_access", sample.S3, "17/May", "17/Maj", "bad_time"),
        ("s3_access", sample.S3, '" 200 ', " 200 ", "not_a_log_line"),
        ("s3_access", sample.S3, '"https://www.linkedin.com/"', "https://www.linkedin.com/", "not_a_log_line"),
        ("s3_access", sample.S3, '"https://www.linkedin.com/"', '-"', "not_a_log_line"),
        ("haproxy", sample.HAPROXY, "17/May", "32/May", "bad_time"),
        ("haproxy", sample.HAPROXY, "10:05:03.655", "10:05:03.655", "time_without_offset"),
        ("haproxy", sample.HAPROXY, " 200 ", " ", "not_a_log_line"),
        ("haproxy", sample.HAPROXY, ' HTTP/2.0"', "", "not_a_log_line"),
        ("iis", sample.IIS, "10:05:03", "10:65:03", "bad_time"),
        ("iis", sample.IIS, "2026-05-17", "-", "bad_time"),
        ("iis", sample.IIS, " 443 ", " ", "wrong_field_count"),
        ("cloudfront", sample.CLOUDFRONT, "10:05:03", "10.05.03", "bad_time"),
        ("cloudfront", sample.CLOUDFRONT, "FRA2\t", "FRA2\t\t", "wrong_field_count"),
    ],
)
def test_planted_bad_lines(read_bytes, name, line, old, new, reason):
    assert old in line
    bad = line.replace(old, new, 1)
    offset = {} if reason == "time_without_offset" else {"utc_offset": "+00:00"}
    whole = read_bytes("\r\n".join([sample.HEADS.get(name, "") + bad, "", line]).encode(), format=name, **offset)
    head = sample.HEADS.get(name, "").count("\n")
    assert whole.rejected[:2] == [
        {"line_number": head + 1, "reason": reason, "text": bad},
        {"line_number": head + 2, "reason": "blank_line", "text": ""},
    ]
    assert len(whole.events) == (0 if name == "haproxy" and not offset else 1)


def test_a_time_of_haproxy_takes_the_sources_offset(read_bytes):
    (event,) = read_bytes(sample.HAPROXY.encode(), utc_offset="+02:00").events
    assert event["event_timestamp"] == AT.replace(hour=8, microsecond=655_000)
    with_offset = sample.HAPROXY.replace("03.655]", "03 -0100]")
    (event,) = read_bytes(with_offset.encode()).events
    assert (event["event_timestamp"], event["subsecond_clock"]) == (AT.replace(hour=11), False)


def test_iis_times_are_utc_whatever_the_source_says(read_bytes):
    (event,) = read_bytes((sample.IIS_HEAD + sample.IIS).encode(), utc_offset="+09:00").events
    assert event["event_timestamp"] == AT


@pytest.mark.parametrize("chunk_bytes", [1, 200, 1 << 20])
def test_iis_fields_change_in_mid_file(read_bytes, chunk_bytes):
    text = "\n".join(
        ["10:00:00 early", sample.IIS_HEAD + sample.IIS, "#Remark: other fields", sample.IIS_OTHER_HEAD
         + sample.IIS_OTHER, sample.IIS, sample.IIS_HEAD + sample.IIS, "#Fields: time cs-method", "10:00:00 GET"]
    )  # fmt: skip
    whole = read_bytes(text.encode(), format="iis", chunk_bytes=chunk_bytes)
    assert whole.reasons == [(1, "no_header"), (10, "wrong_field_count")]
    assert [(event["line_number"], event["url"], event["status"]) for event in whole.events] == [
        (6, "/blog/post.aspx?id=7", 200), (9, "/signup", 302), (15, "/blog/post.aspx?id=7", 200), (17, None, None),
    ]  # fmt: skip
    assert whole.events[-1]["event_timestamp"] == AT.replace(minute=0, second=0), "the day of the #Date line above"
    assert whole.lines == 6


DATELESS = [
    "#Fields: time c-ip cs-method cs-uri-stem sc-status",
    "09:00:00 192.0.2.1 GET /a 200",
    "#Date: 2026-05-17 23:59:50",
    "23:59:49 192.0.2.1 GET /b 200",
    "23:59:58 192.0.2.1 GET /d 200",
    "00:00:01 192.0.2.1 GET /d 200",
    "23:59:59 192.0.2.1 GET /e 200",
    "broken",
    "00:00:02 192.0.2.1 GET /d 200",
    "17:30:00.250 192.0.2.1 GET /d 200",
    "17:29:59 192.0.2.1 GET /d 200",
    "03:00:00 192.0.2.1 GET /d 200",
    "25:00:00 192.0.2.1 GET /c 200",
    "#Date: 2026-06-01 00:00:00",
    "23:30:00 192.0.2.1 GET /d 200",
    "#Date: soon",
    "10:00:00 192.0.2.1 GET /a 200",
    "#Date: 9999-12-31",
    "10:00:00 192.0.2.1 GET /d 200",
    "01:00:00 192.0.2.1 GET /d 200",
    "#Fields: date time c-ip cs-method cs-uri-stem sc-status",
    "2026-05-20 10:00:00 192.0.2.1 GET /d 200",
]


@pytest.mark.parametrize("chunk_bytes", [1, 90, 1 << 20])
def test_the_date_line_gives_the_day_where_lines_have_none_and_midnight_passes(read_bytes, chunk_bytes):
    whole = read_bytes("\n".join(DATELESS).encode(), format="iis", chunk_bytes=chunk_bytes)
    assert whole.reasons == [(2, "no_time"), (8, "wrong_field_count"), (13, "bad_time"), (17, "no_time")]
    found = {event["line_number"]: event["event_timestamp"] for event in whole.events}
    assert [f"{number}: {at:%Y-%m-%d %H:%M:%S}" for number, at in found.items()] == [
        "4: 2026-05-17 23:59:49", "5: 2026-05-17 23:59:58", "6: 2026-05-18 00:00:01", "7: 2026-05-17 23:59:59",
        "9: 2026-05-18 00:00:02", "10: 2026-05-18 17:30:00", "11: 2026-05-18 17:29:59", "12: 2026-05-19 03:00:00",
        "15: 2026-06-01 23:30:00", "19: 9999-12-31 10:00:00", "20: 9999-12-31 01:00:00", "22: 2026-05-20 10:00:00",
    ]  # fmt: skip


def test_a_log_whose_date_stands_above_it_is_known_by_its_content(read_bytes):
    text = "#Software: Microsoft Internet Information Services 6.0\n#Version: 1.0\n" + "\n".join(DATELESS[2:6])
    whole = read_bytes(
        text.replace("#Date: 2026-05-17 23:59:50", f"#Date: 2026-05-17 23:59:50\n{DATELESS[0]}").encode()
    )
    assert (whole.format, len(whole.events)) == ("iis", 3)


def test_fields_of_headers_and_doubles_have_names(read_bytes):
    text = "#Fields: date time sc-status cs(X-Forwarded-For) cs(Accept-Language) sc(ETag) c-ip c-ip\n" + (
        "2026-05-17 10:05:03 200 203.0.113.9 de W/1 192.0.2.1 192.0.2.2"
    )
    (event,) = read_bytes(text.encode(), format="iis").events
    assert (event["ip"], event["forwarded_for"]) == ("192.0.2.1", "203.0.113.9")
    assert event["other_properties"] == [
        ("http_accept_language", "de"), ("remote_addr#2", "192.0.2.2"), ("sent_http_etag", "W/1"), ("status", "200"),
    ]  # fmt: skip


def test_an_agent_that_cloudfront_encoded_twice(read_bytes):
    line = sample.CLOUDFRONT.replace("%20(Macintosh;%20X)", "%2520(Macintosh;%2520X)")
    (event,) = read_bytes((sample.CLOUDFRONT_HEAD + line).encode()).events
    assert event["user_agent"] == "Mozilla/5.0 (Macintosh; X)"


@pytest.mark.parametrize("text", ["To be, or not to be\n" * 9, "#Fields: a b\n1 2\n", "a b c\nd e f\n", "192.0.2.1\n"])
def test_text_that_is_no_log_is_refused_with_what_was_tried(read_bytes, text):
    with pytest.raises(SourceError) as error:
        read_bytes(text.encode())
    for word in (
        "alb 0%",
        "elb 0%",
        "cloudfront 0%",
        "s3_access 0%",
        "iis ",
        "haproxy 0%",
        "Set `format`",
        "`log_format`",
    ):
        assert word in str(error.value)
