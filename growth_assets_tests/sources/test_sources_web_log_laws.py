"""Laws of every format of log lines: what is fast is exact, no line is lost, none costs more than its length."""

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from growth_assets.sources.field_lines import FieldLines
from growth_assets.sources.format import Context
from growth_assets.sources.formats import TEXT_FORMATS
from growth_assets.sources.lines import LINE_LIMIT
from growth_assets_tests.sources import web_log_samples as sample
from growth_assets_tests.sources.test_sources_log_format import CASES

NAMES = sorted(sample.LINES)
BY_STRING = {case.log_format: [case.line] for case in CASES}
EVERY = [*NAMES, *BY_STRING]
FRAGMENTS = [
    '"', '\\"', "\\", "\\\\", " ", "", "-", "\t", "\x00", "é", "\\x22", "\\xC3\\xA9", "\\xe9", "\\n", "[", "]", ":",
    "::1", "%20", "%", "%C3%A9", "+", "{", "}", "{a} ", ",", ", ", "\r", "HTTP/1.1", "GET", "2026", "2015", "60", "/",
    "?", "#", "_", "www.b.com:80", "1.2.3.4:5", "haproxy[1]: ", "1", "999999", "|", "a b", "+0200", "-1", '"-"', " - ",
]  # fmt: skip


def reader_of(name) -> FieldLines:
    if name in BY_STRING:
        return TEXT_FORMATS["log_format"].parser(Context("f", "www.default.com", "+02:00", name)).lines
    parser = TEXT_FORMATS[name].parser(Context("f", "www.default.com", "+02:00"))
    return parser.lines_under(sample.HEADS[name].splitlines()[-1]) if name in sample.HEADS else parser.lines


def lines_of(name):
    return BY_STRING.get(name) or sample.LINES[name]


def changed(line):
    """The line, with up to three pieces of it replaced."""
    edit = st.tuples(st.integers(0, len(line)), st.integers(0, 6), st.sampled_from(FRAGMENTS))

    def apply(edits):
        text = line
        for begin, length, new in edits:
            text = text[:begin] + new + text[begin + length :]
        return text

    return st.lists(edit, min_size=1, max_size=3).map(apply)


def comparable(frame):
    return [row | {"other_properties": list(row["other_properties"].items())} for row in frame.to_dicts()]


@pytest.mark.parametrize("name", EVERY, ids=lambda name: name[:12])
def test_what_is_fast_is_exact(name):
    reader = reader_of(name)
    texts = st.lists(st.one_of([changed(line) for line in lines_of(name)]), min_size=30, max_size=60)

    @given(texts=texts)
    @example(texts=lines_of(name))
    @settings(max_examples=15, deadline=None)
    def law(texts):
        text = pl.Series([each + end for each, end in zip(texts, ["\n", "\r\n"] * len(texts), strict=False)])
        numbers = np.arange(1, len(text) + 1)
        fast, odd = reader.fast(text, numbers, {})
        sure = np.setdiff1d(np.arange(len(text)), odd)
        slow, rejected = reader.slow(text.gather(sure), numbers[sure], [0] * len(sure))
        assert rejected == []
        assert comparable(fast) == comparable(slow)

    law()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"combined", "cloudfront"}])
def test_clean_lines_are_read_fast(name):
    odd = {sample.HAPROXY_PLAIN, sample.SYSLOG_NEW + sample.HAPROXY_PLAIN, sample.S3_BY_ITSELF}
    odd |= {sample.ALB_NO_REQUEST, sample.ALB_NO_HOST}
    text = pl.Series([line + "\n" for line in sample.LINES[name] if "\\" not in line and line not in odd])
    _, odd = reader_of(name).fast(text, np.arange(len(text)), {})
    assert odd.tolist() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_line_cut_anywhere_is_kept(read_bytes, name):
    head = sample.HEADS.get(name, "")
    cuts = [line[:end] for line in sample.LINES[name] for end in range(len(line) + 1)]
    whole = read_bytes((head + "\n".join([*cuts, ""])).encode(), format=name, utc_offset="+00:00")
    assert whole.lines == len(whole.events) + len(whole.rejected) == len(cuts)
    complete = [head.count("\n") + 1 + number for number, cut in enumerate(cuts) if cut in sample.LINES[name]]
    read = [event["line_number"] for event in whole.events]
    assert set(complete) <= set(read)
    if TEXT_FORMATS[name].self_delimiting:
        assert read == complete


@pytest.mark.parametrize("name", NAMES)
def test_windows_line_ends_and_bytes_of_no_encoding_change_no_column(read_bytes, name):
    text = sample.HEADS.get(name, "") + "\n".join([*sample.LINES[name], ""])
    plain = read_bytes(text.encode(), format=name, utc_offset="+00:00")
    windows = read_bytes(text.replace("\n", "\r\n").encode(), format=name, utc_offset="+00:00")
    assert (windows.events, windows.rejected) == (plain.events, plain.rejected)
    strange = read_bytes(text.encode().replace(b"Agent", b"Ag\xffnt").replace(b"example-", b"ex\xffmple-"), format=name,
                         utc_offset="+00:00")  # fmt: skip
    assert strange.lines == plain.lines


@pytest.mark.parametrize("name", NAMES)
def test_each_format_is_known_by_its_content_alone(read_bytes, name):
    for line in sample.LINES[name]:
        assert read_bytes((sample.HEADS.get(name, "") + line).encode()).format == name


@pytest.mark.parametrize("name", EVERY, ids=lambda name: name[:12])
def test_a_hostile_line_costs_no_more_than_a_long_one(read_bytes, name):
    # Where an expression is quadratic, one such line takes many minutes.
    line = lines_of(name)[-1]
    hostile = []
    for piece in ('"', "\\", " ", '" "', "a b ", "1", ": [", "1.1.1.1:1 "):
        body = piece * ((LINE_LIMIT - 2 * len(line)) // len(piece))
        hostile += [body, line[: 2 * len(line) // 3] + body]
    setting = {"log_format": name} if name in BY_STRING else {"format": name}
    text = sample.HEADS.get(name, "") + "\n".join(hostile)
    whole = read_bytes(text.encode(), utc_offset="+00:00", **setting)
    assert whole.lines == len(hostile)
