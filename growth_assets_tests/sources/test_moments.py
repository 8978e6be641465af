"""Times read as a column are those read one by one, or are left to that."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.sources import moments
from growth_assets.sources.reasons import Reason

DAYS = ["2026-05-17", "2024-02-29", "0001-01-01", "0001-01-03", "9999-12-29", "9999-12-31", "2026-02-30"]
CLOCK = st.builds("{:02}:{:02}:{:02}".format, st.integers(0, 24), st.integers(0, 60), st.integers(0, 60))
ANY = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(DAYS),
    st.sampled_from("Tt "),
    CLOCK,
    st.sampled_from(["", ".", ".5", ".123", ".123456", ".1234567"]),
    st.sampled_from(["Z", "", "z", "+02:00", "-0330", "+99:00", " UTC"]),
)


@st.composite
def alike(draw):
    """Times of one day with the same number of digits, of which one may have another sign somewhere."""
    day, digits = draw(st.sampled_from(DAYS)), draw(st.integers(0, 7))
    clocks = draw(st.lists(st.times(), min_size=1, max_size=6))
    fraction = [f".{clock.microsecond:06}0"[: digits + 1] if digits else "" for clock in clocks]
    texts = [f"{day}T{clock:%H:%M:%S}{finer}Z" for clock, finer in zip(clocks, fraction, strict=True)]
    if draw(st.booleans()):
        which, sign = draw(st.integers(0, len(texts) - 1)), draw(st.sampled_from("0369:.-TZ é"))
        at = draw(st.integers(0, len(texts[which]) - 1))
        texts[which] = texts[which][:at] + sign + texts[which][at + 1 :]
    if draw(st.booleans()):
        texts.insert(draw(st.integers(0, len(texts))), None)
    return texts


@given(texts=alike() | st.lists(st.none() | ANY, max_size=6), utc_offset=st.sampled_from([None, "+02:00"]))
@settings(max_examples=150, deadline=None)
def test_a_column_says_what_each_text_says(texts, utc_offset):
    times, finer = moments.iso_column(pl.Series(texts, dtype=pl.String), utc_offset)
    assert (times.dtype, finer.dtype) == (pl.Datetime("us"), pl.Boolean)
    for text, *found in zip(texts, times, finer, strict=True):
        if found != [None, None]:
            assert tuple(found) == moments.iso(text, utc_offset)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2026-05-17T10:05:03Z"] * 2, dt.datetime(2026, 5, 17, 10, 5, 3)),  # noqa: DTZ001 - naive UTC
        (["2026-05-17T10:05:03.25Z"] * 2, dt.datetime(2026, 5, 17, 10, 5, 3, 250_000)),  # noqa: DTZ001
        (["2026-05-17T10:05:03.25Z", "2026-05-17T10:05:03Z"], dt.datetime(2026, 5, 17, 10, 5, 3, 250_000)),  # noqa: DTZ001
        (["2026-05-17 10:05:03.25+02:00", "2026-05-17T10:05:03Z"], dt.datetime(2026, 5, 17, 8, 5, 3, 250_000)),  # noqa: DTZ001
    ],
)
def test_usual_times_are_read_as_a_column(texts, expected):
    times, _ = moments.iso_column(pl.Series(texts), None)
    assert times[0] == expected
    assert not isinstance(moments.iso(texts[1], None), Reason)
    assert times.null_count() == 0
