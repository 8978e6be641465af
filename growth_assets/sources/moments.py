"""Times as text, brought to naive UTC microseconds.

Finer digits are cut off. An offset is required in the text or by the source's `utc_offset`. A leap second
(:60) is a bad time: no clock that writes such files shows it, and to move it would be to invent a time. An
epoch number is one too, unless the format says its unit (seconds, milliseconds ...), which cannot be seen in it.

Each form has two readers: one for a column, which gives null where it is not sure, and an exact one for a
text.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from growth_assets.sources.reasons import Reason

Moment = tuple[dt.datetime, bool]
"""The time, and whether its text had a fraction of a second."""

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s?([Zz]|UTC|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
_LOG = re.compile(r"(\d\d)/([A-Za-z]{3})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\s*([+-]\d{4}))?", re.ASCII)
_SLASHED = re.compile(r"\d{4}/\d\d/\d\d ", re.ASCII)
MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_OFFSET = r"[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]"
_ISO_HEAD = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
_SLASHED_COLUMN = "([0-9]{4})/([0-9]{2})/([0-9]{2}) "
_EPOCH = re.compile(r"([0-9]{1,12})(?:\.([0-9]+))?")
_1970 = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC
_MICROSECOND = dt.timedelta(microseconds=1)
_FEW = 32
"""So many texts are as fast to read one by one as in a column."""
_EARLIEST, _LATEST = dt.datetime(1, 1, 3), dt.datetime(9999, 12, 29)  # noqa: DTZ001 - naive UTC
"""Between these no offset leads out of the years 1 to 9999."""


def iso(text: str, utc_offset: str | None) -> Moment | Reason:
    """An ISO 8601 date and time, as in 2026-05-17T10:05:03.123+02:00; a space may stand for the T."""
    found = _ISO.fullmatch(text.strip())
    if not found:
        return Reason.BAD_TIME
    *fields, second, fraction, offset = found.groups()
    micro = int((fraction or "")[:6].ljust(6, "0"))
    offset = {"Z": "+00:00", "z": "+00:00", "UTC": "+00:00"}.get(offset, offset)
    numbers = [int(number) for number in (*fields, second or "0")]
    return _moment(numbers, micro, offset or utc_offset, subsecond=fraction is not None)


def log(text: str, utc_offset: str | None) -> Moment | Reason:
    """The time of an access-log line, as in 17/May/2015:10:05:03 +0200."""
    found = _LOG.fullmatch(text.strip())
    if not found or found[2].lower() not in MONTHS:
        return Reason.BAD_TIME
    day, month, year, *clock, offset = found.groups()
    numbers = [int(year), MONTHS[month.lower()], int(day), *map(int, clock)]
    return _moment(numbers, 0, offset or utc_offset, subsecond=False)


def written(text: str, utc_offset: str | None) -> Moment | Reason:
    """A time as servers write it into JSON: as `iso` or `log` reads it, or with slashes, as in 2026/05/17 10:05:03."""
    if "/" not in text:
        return iso(text, utc_offset)
    return iso(text.replace("/", "-", 2), utc_offset) if _SLASHED.match(text) else log(text, utc_offset)


def epoch(text: str) -> Moment | Reason:
    """Seconds since 1970 (UTC), with or without a fraction, where the format says that they are seconds."""
    found = _EPOCH.fullmatch(text)
    if not found:
        return Reason.BAD_TIME
    try:
        moment = _1970 + dt.timedelta(seconds=int(found[1]), microseconds=int((found[2] or "")[:6].ljust(6, "0")))
    except OverflowError:
        return Reason.BAD_TIME
    return moment, found[2] is not None


def offset_minutes(offset: str) -> int | None:
    """Minutes east of UTC of +HH, +HHMM or +HH:MM; None for one that cannot be."""
    digits = offset[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        return None
    return (hours * 60 + minutes) * (-1 if offset[0] == "-" else 1)


def _moment(numbers: list[int], micro: int, offset: str | None, *, subsecond: bool) -> Moment | Reason:
    try:
        local = dt.datetime(*numbers, microsecond=micro)  # type: ignore[misc,arg-type]  # noqa: DTZ001
        if offset is None:
            return Reason.TIME_WITHOUT_OFFSET
        minutes = offset_minutes(offset)
        if minutes is None:
            return Reason.BAD_TIME
        return local - dt.timedelta(minutes=minutes), subsecond
    except (ValueError, OverflowError):
        return Reason.BAD_TIME


def iso_column(texts: pl.Series, utc_offset: str | None) -> tuple[pl.Series, pl.Series]:
    """Times and subsecond flags of a column; null where only `iso` can tell."""
    return _iso_times(texts, texts.to_arrow(compat_level=pl.CompatLevel.oldest()), utc_offset)


def iso_array(texts: pa.Array, utc_offset: str | None) -> tuple[pl.Series, pl.Series]:
    """The same of texts that lie one after the other, as Polars does not keep them."""
    series = pl.from_arrow(texts)
    assert isinstance(series, pl.Series)  # noqa: S101 - for the type checker
    return _iso_times(series, texts, utc_offset)


def _iso_times(texts: pl.Series, array: pa.Array, utc_offset: str | None) -> tuple[pl.Series, pl.Series]:
    usual, micro = _usual(array)
    if not len(micro):
        return _iso_column(texts, utc_offset)
    subsecond = np.full(len(texts), len(texts[0]) > len("2026-05-17T10:05:03Z"))
    if len(micro) == len(texts):
        return _times(micro), pl.Series("subsecond", subsecond)
    if len(texts) - len(micro) > _FEW:
        others, finer = _iso_column(texts.filter(~pl.Series(usual)), utc_offset)
        place = np.where(usual, np.cumsum(usual) - 1, len(micro) - 1 + np.cumsum(~usual))
        return _times(micro).extend(others).gather(place), pl.Series(subsecond[usual]).extend(finer).gather(place)
    every, unsure = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    every[usual] = micro
    for row in np.flatnonzero(~usual).tolist():
        found = Reason.NO_TIME if texts[row] is None else iso(texts[row], utc_offset)
        if isinstance(found, Reason):
            unsure[row] = True
        else:
            every[row], subsecond[row] = (found[0] - _1970) // _MICROSECOND, found[1]
    return _times(every).set(pl.Series(unsure), None), pl.Series("subsecond", subsecond).set(pl.Series(unsure), None)


def _times(micro: npt.NDArray[np.int64]) -> pl.Series:
    return pl.Series("utc", micro).cast(pl.Datetime("us"))


def _iso_column(texts: pl.Series, utc_offset: str | None) -> tuple[pl.Series, pl.Series]:
    frame = pl.DataFrame({"text": texts})
    text = pl.col("text")
    if utc_offset is not None and offset_minutes(utc_offset) is not None:
        naive = text.str.contains(_ISO_HEAD + r"(?:\.[0-9]+)?$")
        frame = frame.with_columns(pl.when(naive).then(text + utc_offset).otherwise(text).alias("text"))
    sure = pl.when(text.str.contains(_ISO_HEAD + rf"(?:\.[0-9]+)?(?:Z|{_OFFSET})$")).then(text)
    fraction, zulu = text.str.slice(19, 1) == ".", text.str.ends_with("Z")
    frame = frame.select(sure.alias("text"))
    spaced, all_zulu, fractions = frame.select(
        (text.str.slice(10, 1) == " ").any().alias("spaced"), zulu.all().alias("zulu"), fraction.any()
    ).row(0)
    head = text.str.slice(0, 19)
    local = head.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False)
    if spaced:
        local = pl.coalesce(local, head.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False))
    if fractions:
        behind = text.str.slice(20, 6)
        digits = behind.str.strip_suffix("Z") if all_zulu else behind.str.extract("^([0-9]+)", 1)
        micro = digits.str.pad_end(6, "0").cast(pl.Int64)
        micro = micro if all_zulu else pl.when(fraction).then(micro).otherwise(0)
        local = (local.cast(pl.Int64) + micro).cast(pl.Datetime("us"))
    offset = pl.lit("Z") if all_zulu else pl.when(zulu).then(pl.lit("Z")).otherwise(text.str.tail(6))
    frame = frame.select(local.alias("local"), fraction.alias("subsecond"), offset.alias("offset"))
    return within(*frame["local", "subsecond"]) if all_zulu else _utc(frame)


def _usual(texts: pa.Array) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Which texts are of the day of the first, and as long, like 2026-05-17T10:05:03.123Z; and their microseconds.

    In most batches nearly all are, and take a third of the time.
    """
    nothing = np.zeros(len(texts), np.bool_), np.empty(0, np.int64)
    first = texts[0].as_py() if len(texts) else None
    if first is None or not first.isascii() or not 20 <= len(first) <= 27:
        return nothing
    finer = len(first) - len("2026-05-17T10:05:03.Z")
    form = "0000-00-00T00:00:00" + (f".{'0' * finer}" if finer > 0 else "") + "Z"
    try:
        day = dt.datetime.strptime(first[:10], "%Y-%m-%d")  # noqa: DTZ007 - naive UTC
    except ValueError:
        return nothing
    if len(form) != len(first) or not 3 < day.toordinal() < 3_650_000:
        return nothing
    usual = np.diff(_offsets(texts)) == len(first)
    if texts.null_count:
        usual &= texts.is_valid().to_numpy(zero_copy_only=False)
    some = texts if usual.all() else texts.filter(pa.array(usual))
    begin = int(_offsets(some)[0])
    signs = np.frombuffer(some.buffers()[2], np.uint8, len(some) * len(form), begin).reshape(-1, len(form)).T.copy()
    digits = signs - np.uint8(ord("0"))

    # Two digits have room in a byte, whatever they are.
    hours, minutes, seconds = (digits[at] * np.uint8(10) + digits[at + 1] for at in (11, 14, 17))
    sure = (hours <= 23) & (minutes <= 59) & (seconds <= 59)
    for at, sign in enumerate(first[:10]):
        sure &= signs[at] == ord(sign)
    for at, sign in enumerate(form[10:], start=10):
        sure &= digits[at] <= 9 if sign == "0" else signs[at] == ord(sign)
    micro = ((hours.astype(np.int32) * 60 + minutes) * 60 + seconds).astype(np.int64) * 1_000_000
    fraction = np.zeros(len(micro), np.int32)
    for at in range(20, 20 + finer):
        fraction = fraction * 10 + digits[at]
    micro += fraction * 10 ** (6 - max(finer, 0))
    micro += (day - _1970) // _MICROSECOND
    usual[usual] = sure
    return usual, micro if sure.all() else micro[sure]


def _offsets(texts: pa.Array) -> npt.NDArray[np.signedinteger[Any]]:
    """Where each text begins in their bytes, and where the last ends."""
    kind, size = (np.int64, 8) if pa.types.is_large_string(texts.type) else (np.int32, 4)
    return np.frombuffer(texts.buffers()[1], kind, len(texts) + 1, size * texts.offset)


def written_column(texts: pl.Series, utc_offset: str | None) -> tuple[pl.Series, pl.Series]:
    """Times and subsecond flags of a column; null where only `written` can tell."""
    clocks = texts.str.extract_groups(r"^([0-9]{2}/[A-Za-z]{3}/[0-9]{4}(?::[0-9]{2}){3}) ([+-][0-9]{4})$")
    clock, offset = clocks.struct.unnest().get_columns()
    if clock.null_count() < len(texts):
        return log_columns(clock, offset), pl.repeat(value=False, n=len(texts), dtype=pl.Boolean, eager=True)
    slashed = texts.str.replace(rf"^{_SLASHED_COLUMN}", "$1-$2-$3 ")
    return iso_column(slashed, utc_offset)


def epoch_column(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Times and subsecond flags of seconds since 1970; null where only `epoch` can tell."""
    parts = texts.str.extract_groups(r"^([0-9]{1,12})(?:\.([0-9]+))?$").struct.unnest()
    seconds, fraction = parts.columns
    micro = pl.col(fraction).str.slice(0, 6).str.pad_end(6, "0").cast(pl.Int64).fill_null(0)
    local = (pl.col(seconds).cast(pl.Int64) * 1_000_000 + micro).cast(pl.Datetime("us"))
    utc = pl.when(local <= _LATEST).then(local)
    done = parts.select(utc=utc, subsecond=pl.when(utc.is_not_null()).then(pl.col(fraction).is_not_null()))
    return done["utc"], done["subsecond"]


def log_columns(clocks: pl.Series, offsets: pl.Series) -> pl.Series:
    """Times of the columns 17/May/2015:10:05:03 and +0200; null where only `log` can tell."""
    offset = pl.col("offset")
    frame = pl.DataFrame({"clock": clocks, "offset": offsets}).select(
        pl.when(offset.str.contains(rf"^{_OFFSET}$") & ~pl.col("clock").str.ends_with(":60"))
        .then(pl.col("clock"))
        .str.to_datetime("%d/%b/%Y:%H:%M:%S", strict=False)
        .alias("local"),
        offset,
        pl.lit(value=False).alias("subsecond"),
    )
    return _utc(frame)[0]


def _utc(frame: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """`local` less `offset`, whose last characters are Z or an offset."""
    minutes: dict[str, int | None] = {}
    for text in frame["offset"].unique().drop_nulls():
        sign = max(text.find("+"), text.find("-"))
        minutes[text] = offset_minutes(text[sign:]) if sign >= 0 else 0
    local = pl.col("local")
    if any(minutes.values()):
        shift = pl.col("offset").replace_strict(minutes, default=None, return_dtype=pl.Int64)
        local -= pl.duration(minutes=shift)
        frame = frame.with_columns(local)
    return within(*frame["local", "subsecond"])


def within(utc: pl.Series, subsecond: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Times and flags, null where the time is not one that every offset leaves in the years 1 to 9999."""
    sure = pl.col("utc").is_between(_EARLIEST, _LATEST)
    done = pl.DataFrame({"utc": utc, "subsecond": subsecond}).select(
        pl.when(sure).then(pl.col("utc")).cast(pl.Datetime("us")), pl.when(sure).then(pl.col("subsecond"))
    )
    return done["utc"], done["subsecond"]
