"""The time of an access-log line, out of the one or more fields that its layout has for it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from growth_assets.log_format.layout import Field, Kind
from growth_assets.sources import moments
from growth_assets.sources.reasons import Reason

_BETWEEN = "\n"
_MONTHS = {name: f"{number:02}" for name, number in moments.MONTHS.items()}


class Clock:
    """Reads the times of one layout."""

    def __init__(self, fields: Sequence[Field], utc_offset: str | None) -> None:
        self.names = tuple(field.name for field in fields)
        self._log = fields[0].kind is Kind.LOG_TIME
        self._iso = fields[0].kind is Kind.ISO_TIME
        self._parts = _joined([field.parts for field in fields])
        self._epoch = "(?P<epoch>" in self._parts
        self._utc_offset = utc_offset

    def columns(self, found: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
        """Times and subsecond flags; null where only `moment` can tell."""
        if self._log:
            timestamp = moments.log_columns(found["clock"], found["offset"])
            return timestamp, pl.repeat(value=False, n=found.height, dtype=pl.Boolean, eager=True)
        texts = self.texts(found)
        if self._epoch:
            return moments.epoch_column(texts)
        return moments.iso_column(texts, self._utc_offset)

    def texts(self, found: pl.DataFrame) -> pl.Series:
        """The time of each line in the form that `moment` reads; null where a part is missing or of another form."""
        if self._log or self._iso:
            return found[self.names[0]]
        if not found.height:
            return pl.Series(dtype=pl.String)
        joined = found.select(pl.concat_str(self.names, separator=_BETWEEN))
        parts = joined.to_series().str.extract_groups(f"^{self._parts}$").struct.unnest()
        return parts.select(_epoch_text(parts) if self._epoch else _iso_text(parts)).to_series()

    def moment(self, text: str | None) -> moments.Moment | Reason:
        """The time of one line, exactly."""
        if text is None:
            return Reason.BAD_TIME
        if text in {"", "-"}:
            return Reason.NO_TIME
        if self._log:
            return moments.log(text, self._utc_offset)
        return moments.epoch(text) if self._epoch else moments.iso(text, self._utc_offset)


def _joined(parts: Sequence[str]) -> str:
    """One expression, in which the first group of a name has it alone."""
    seen: set[str] = set()

    def once(found: re.Match[str]) -> str:
        if found[1] in seen:
            return "(?:"
        seen.add(found[1])
        return found[0]

    return re.sub(r"\(\?P<(\w+)>", once, _BETWEEN.join(parts))


def _epoch_text(parts: pl.DataFrame) -> pl.Expr:
    if "fraction" not in parts.columns:
        return pl.col("epoch")
    return pl.concat_str("epoch", "fraction", separator=".")


def _iso_text(parts: pl.DataFrame) -> pl.Expr:
    has = set(parts.columns)
    year = pl.col("year") if "year" in has else "20" + pl.col("year2")
    if "month" in has:
        month = pl.col("month")
    else:
        name = pl.col("month_name").str.slice(0, 3).str.to_lowercase()
        month = name.replace_strict(_MONTHS, default="00", return_dtype=pl.String)
    if "hour" in has:
        hour = _two(pl.col("hour"))
    else:
        hour12 = _two(pl.col("hour12")).cast(pl.Int64, strict=False) % 12
        later = pl.col("half").str.to_lowercase() == "pm" if "half" in has else pl.lit(value=False)
        hour = (hour12 + pl.when(later).then(12).otherwise(0)).cast(pl.String).str.zfill(2)
    fraction = ("." + pl.col("fraction")).fill_null("") if "fraction" in has else pl.lit("")
    second = pl.col("second") if "second" in has else pl.lit("00")
    offset = pl.lit("")
    if "offset" in has:
        offset = pl.col("offset").fill_null("")
    elif "zone" in has:
        offset = pl.when(pl.col("zone").is_in(["UTC", "GMT", "Z"])).then(pl.lit("Z")).otherwise(pl.lit(""))
    clock = pl.concat_str(hour, pl.col("minute"), second, separator=":")
    return pl.concat_str(
        year, pl.lit("-"), month, pl.lit("-"), _two(pl.col("day")), pl.lit("T"), clock, fraction, offset
    )


def _two(digits: pl.Expr) -> pl.Expr:
    return digits.str.replace(" ", "0", literal=True)
